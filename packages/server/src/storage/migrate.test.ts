import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { openTestDatabase } from '../testing/test-database.ts'
import type { Database } from './open-store.ts'

const newer = 'Cannot use this database: it is newer than this program, which does not know 0099-from-the-future'

test('up() makes the tables of an empty database, and says what it did', async () => {
  const { migrations } = testDatabase(':memory:')

  const done = await migrations.up()

  expect(done).toContain('0001-users-and-sessions')
  expect(done).toEqual(done.toSorted())
})

test('up() does nothing the second time', async () => {
  const { migrations } = testDatabase(':memory:')
  await migrations.up()

  const done = await migrations.up()

  expect(done).toEqual([])
})

test('up() keeps what is stored', async () => {
  const path = temporaryFile()
  const first = testDatabase(path)
  await first.migrations.up()
  seen(path).exec(`insert into users values ('id', 'ada@example.com', 'hash', 1, null, 1)`)
  await first.close()

  await testDatabase(path).migrations.up()

  expect(seen(path).prepare('select email from users').all()).toEqual([{ email: 'ada@example.com' }])
})

test('up() of a second program finds what the first has made', async () => {
  const path = temporaryFile()
  const [one, other] = [testDatabase(path), testDatabase(path)]
  const first = await one.migrations.up()

  const second = await other.migrations.up()

  expect([first.length > 0, second]).toEqual([true, []])
})

test('status() names what is due, and when what is done was done', async () => {
  const { migrations } = testDatabase(':memory:')
  const before = await migrations.status()
  await migrations.up()

  const after = await migrations.status()

  expect(before.map(({ appliedAt }) => appliedAt)).toEqual(before.map(() => undefined))
  expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name))
  expect(after.map(({ appliedAt }) => appliedAt)).toEqual(after.map(() => expect.stringMatching(/^\d{4}-.*Z$/)))
})

test('assertReady() refuses a database that lacks a migration, and names it', async () => {
  const database = testDatabase(':memory:')

  const asserting = database.assertReady()

  await expect(asserting).rejects.toThrow('Cannot use this database: it lacks 0001-users-and-sessions')
})

test('assertReady() takes a database that is up to date', async () => {
  const database = testDatabase(':memory:')
  await database.migrations.up()

  const asserting = database.assertReady()

  await expect(asserting).resolves.toBeUndefined()
})

test.each([
  ['up', (database: Database) => database.migrations.up()],
  ['status', (database: Database) => database.migrations.status()],
])('%s() refuses a database of a newer program in one line, and changes nothing', async (_name, ask) => {
  const path = temporaryFile()
  const database = testDatabase(path)
  await database.migrations.up()
  seen(path).exec(`insert into kysely_migration values ('0099-from-the-future', '2030-01-01T00:00:00.000Z')`)
  const before = dump(path)

  const asking = ask(database)

  await expect(asking).rejects.toThrow(expect.objectContaining({ message: newer }))
  expect(dump(path)).toEqual(before)
})

test('up() refuses a file that is no database, and leaves it as it is', async () => {
  const path = temporaryFile()
  writeFileSync(path, 'no database, but somebody needs it'.repeat(100))

  const migrating = testDatabase(path).migrations.up()

  await expect(migrating).rejects.toThrow('file is not a database')
  expect(readFileSync(path, 'utf8')).toBe('no database, but somebody needs it'.repeat(100))
})

test('up() makes every table strict', async () => {
  const path = temporaryFile()

  await testDatabase(path).migrations.up()

  const loose = seen(path)
    .prepare(`select name from pragma_table_list where schema = 'main' and strict = 0`)
    .all()
    .map(({ name }) => String(name))
  expect(loose.filter((name) => !/^(sqlite|kysely)_/.test(name))).toEqual([])
})

test('up() makes no table that keeps a password hint or a security question', async () => {
  const path = temporaryFile()

  await testDatabase(path).migrations.up()

  const columns = seen(path).prepare(`select name from pragma_table_info('users')`).all()
  expect(columns.map(({ name }) => name)).toEqual([
    'id',
    'email',
    'password_hash',
    'created_at',
    'last_login',
    'is_active',
  ])
})

function testDatabase(path: string): Database {
  return openTestDatabase(`sqlite:${path}`)
}

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'latchkey.db')
}

/** The database as another program sees it. */
function seen(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 })
  onTestFinished(() => database.close())
  return database
}

function dump(path: string): unknown[] {
  const database = seen(path)
  const tables = database.prepare(`select name, sql from sqlite_schema order by name`).all()
  const applied = database.prepare('select name from kysely_migration order by name').all()
  return [...tables, ...applied]
}
