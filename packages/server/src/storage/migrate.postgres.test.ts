import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { emptyDatabase, lookInto, openTestDatabase } from '../testing/test-database.ts'
import { openDatabase } from './open-store.ts'

/** An engine whose advisory locks are this function, as functions of the schema come first. */
function databaseWhoseLock(body: string): string {
  const url = new URL(emptyDatabase())
  lookInto(url.href).run(
    `create function pg_advisory_xact_lock(bigint) returns void language plpgsql as $$ begin ${body} end $$`,
  )
  url.searchParams.set('options', `${url.searchParams.get('options')},pg_catalog`)
  return url.href
}

const locks = [
  ['are refused', `raise 'advisory locks are not implemented' using errcode = '0A000';`],
  ['lock nothing', 'return;'],
] as const

test.each(locks)('up() of four programs at once makes the tables once where advisory locks %s', async (_, body) => {
  const url = databaseWhoseLock(body)
  const programs = Array.from({ length: 4 }, () => openTestDatabase(url))

  const done = await Promise.all(programs.map(({ migrations }) => migrations.up()))

  const status = await openTestDatabase(url).migrations.status()
  expect(done.filter(({ length }) => length > 0)).toEqual([status.map(({ name }) => name)])
  expect(status.filter(({ appliedAt }) => appliedAt === undefined)).toEqual([])
})

test.each(locks)('up() of four programs at once does what is due once where advisory locks %s', async (_, body) => {
  const url = databaseWhoseLock(body)
  lookInto(url).run('create table kysely_migration (name text primary key, timestamp text not null)')
  const programs = Array.from({ length: 4 }, () => openTestDatabase(url))

  const done = await Promise.all(programs.map(({ migrations }) => migrations.up()))

  const status = await openTestDatabase(url).migrations.status()
  expect(done.filter(({ length }) => length > 0)).toEqual([status.map(({ name }) => name)])
})

test('up() waits for who migrates longer than for any other lock, also where advisory locks lock nothing', async () => {
  const url = databaseWhoseLock('return;')
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  onTestFinished(() => other.end())
  await other.query('begin; create table kysely_migration (name text)')
  const use = { poolSize: 1, connectTimeoutSeconds: 5, statementTimeoutSeconds: 1, lockTimeoutSeconds: 1 }
  const { migrations, close } = openDatabase(url, { ...use, requiresDurability: false })
  onTestFinished(close)

  const migrating = migrations.up()
  await setTimeout(1_500)
  await other.query('rollback')

  expect(await migrating).toContain('0001-users-and-sessions')
})
