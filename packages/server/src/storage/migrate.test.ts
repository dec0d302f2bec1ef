import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  emptyDatabase,
  engine,
  lookInto,
  type Onlooker,
  onSqlite,
  openTestDatabase,
  temporaryFolder,
} from '../testing/test-database.ts'
import type { Database } from './open-store.ts'

const newer = 'Cannot use this database: it is newer than this program, which does not know 0099-from-the-future'

test('up() makes the tables of an empty database, and says what it did', async () => {
  const { migrations } = openTestDatabase(emptyDatabase())

  const done = await migrations.up()

  expect(done).toContain('0001-users-and-sessions')
  expect(done).toEqual(done.toSorted())
})

test('up() does nothing the second time', async () => {
  const { migrations } = openTestDatabase(emptyDatabase())
  await migrations.up()

  const done = await migrations.up()

  expect(done).toEqual([])
})

test('up() keeps what is stored', async () => {
  const url = emptyDatabase()
  await openTestDatabase(url).migrations.up()
  const { run, rows } = lookInto(url)
  run(`insert into users values ('id', 'ada@example.com', 'hash', 1, null, 1)`)

  await openTestDatabase(url).migrations.up()

  expect(rows('select email from users')).toEqual([{ email: 'ada@example.com' }])
})

test('up() of a second program finds what the first has made', async () => {
  const url = emptyDatabase()
  const [one, other] = [openTestDatabase(url), openTestDatabase(url)]
  const first = await one.migrations.up()

  const second = await other.migrations.up()

  expect([first.length > 0, second]).toEqual([true, []])
})

test('status() names what is due, and when what is done was done', async () => {
  const { migrations } = openTestDatabase(emptyDatabase())
  const before = await migrations.status()
  await migrations.up()

  const after = await migrations.status()

  expect(before.map(({ appliedAt }) => appliedAt)).toEqual(before.map(() => undefined))
  expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name))
  expect(after.map(({ appliedAt }) => appliedAt)).toEqual(after.map(() => expect.stringMatching(/^\d{4}-.*Z$/)))
})

test('assertReady() refuses a database that lacks a migration, and names it', async () => {
  const database = openTestDatabase(emptyDatabase())

  const asserting = database.assertReady()

  await expect(asserting).rejects.toThrow('Cannot use this database: it lacks 0001-users-and-sessions')
})

test('assertReady() takes a database that is up to date', async () => {
  const database = openTestDatabase(emptyDatabase())
  await database.migrations.up()

  const asserting = database.assertReady()

  await expect(asserting).resolves.toBeUndefined()
})

test.each([
  ['up', (database: Database) => database.migrations.up()],
  ['status', (database: Database) => database.migrations.status()],
])('%s() refuses a database of a newer program in one line, and changes nothing', async (_name, ask) => {
  const url = emptyDatabase()
  const database = openTestDatabase(url)
  await database.migrations.up()
  const outside = lookInto(url)
  outside.run(`insert into kysely_migration values ('0099-from-the-future', '2030-01-01T00:00:00.000Z')`)
  const before = [outside.version(), tablesOf(outside)]

  const asking = ask(database)

  await expect(asking).rejects.toThrow(expect.objectContaining({ message: newer }))
  expect([outside.version(), tablesOf(outside)]).toEqual(before)
})

test('up() of four programs at once makes the tables once', async () => {
  const url = emptyDatabase()
  const programs = Array.from({ length: 4 }, () => openTestDatabase(url))

  const done = await Promise.all(programs.map(({ migrations }) => migrations.up()))

  const names = (await openTestDatabase(url).migrations.status()).map(({ name }) => name)
  expect(done.flat()).toEqual(names)
})

test('plan() tells the statements that up() would run, changes nothing, and is empty after it', async () => {
  const url = emptyDatabase()
  const { migrations } = openTestDatabase(url)

  const plan = await migrations.plan()

  expect(tablesOf(lookInto(url))).toEqual([])
  const other = emptyDatabase()
  lookInto(other).run(plan.join(';'))
  await migrations.up()
  expect(tablesOf(lookInto(other))).toEqual(tablesOf(lookInto(url)))
  expect(await migrations.plan()).toEqual([])
})

test('up() refuses a database that holds tables of something else, and makes none beside them', async () => {
  const url = emptyDatabase()
  const outside = lookInto(url)
  outside.run('create table invoices (id integer primary key)')

  const migrating = openTestDatabase(url).migrations.up()

  await expect(migrating).rejects.toThrow('Cannot use this database: it holds tables of something else: invoices')
  expect(tablesOf(outside)).toEqual(['invoices'])
})

test('up() refuses a database that has lost a table', async () => {
  const url = emptyDatabase()
  const { migrations } = openTestDatabase(url)
  await migrations.up()
  lookInto(url).run("drop table known_networks; delete from kysely_migration where name > '0002'")

  const migrating = migrations.up()

  await expect(migrating).rejects.toThrow('it was migrated in part: it lacks the table known_networks')
})

onSqlite('up() refuses a file that is no database, and leaves it as it is', async () => {
  const path = join(temporaryFolder(), 'latchkey.db')
  writeFileSync(path, 'no database, but somebody needs it'.repeat(100))

  const migrating = openTestDatabase(`sqlite:${path}`).migrations.up()

  await expect(migrating).rejects.toThrow('file is not a database')
  expect(readFileSync(path, 'utf8')).toBe('no database, but somebody needs it'.repeat(100))
})

onSqlite('up() makes every table strict', async () => {
  const url = emptyDatabase()

  await openTestDatabase(url).migrations.up()

  const loose = lookInto(url)
    .rows<{ name: string }>(`select name from pragma_table_list where schema = 'main' and strict = 0`)
    .map(({ name }) => name)
  expect(loose.filter((name) => !/^(sqlite|kysely)_/.test(name))).toEqual([])
})

test('up() makes no column that keeps a password hint or a security question', async () => {
  const url = emptyDatabase()

  await openTestDatabase(url).migrations.up()

  const { run, rows } = lookInto(url)
  run(`insert into users values ('id', 'ada@example.com', 'hash', 1, null, 1)`)
  expect(Object.keys(rows<object>('select * from users')[0] ?? {})).toEqual([
    'id',
    'email',
    'password_hash',
    'created_at',
    'last_login',
    'is_active',
  ])
})

function tablesOf({ rows }: Onlooker): string[] {
  const names = {
    sqlite: `select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by name`,
    postgres: 'select tablename as name from pg_tables where schemaname = current_schema() order by 1',
  }
  return rows<{ name: string }>(names[engine]).map(({ name }) => name)
}
