import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { Kysely, sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { newId } from '../crypto/secrets.ts'
import type { NewSession, SessionId } from '../domain/session.ts'
import type { User, UserId } from '../domain/user.ts'
import { openTestDatabase } from '../testing/test-database.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

const run = promisify(execFile)

test.each([
  ['journal_mode', 'wal'],
  ['synchronous', 1],
  ['foreign_keys', 1],
  ['trusted_schema', 0],
  ['busy_timeout', 0],
  ['cache_size', -65_536],
  ['journal_size_limit', 67_108_864],
  ['wal_autocheckpoint', 16_000],
])('sqliteDialect() opens a file with %s = %s', async (pragma, expected) => {
  const database = testKysely(temporaryFile())

  const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${pragma}`).execute(database)

  expect(rows.flatMap((row) => Object.values(row))).toEqual([expected])
})

test('sqliteDialect() makes the file and its folder for their owner alone', async () => {
  const path = join(dirname(temporaryFile()), 'nested', 'latchkey.db')
  const database = testKysely(path)

  await sql`create table t (x)`.execute(database)

  const modes = [dirname(path), path, `${path}-wal`, `${path}-shm`].map((each) => statSync(each).mode & 0o777)
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600])
})

test('sqliteDialect() finds the log beside the file, also behind a link and from another folder', async () => {
  const path = temporaryFile()
  const link = `${path}-link`
  writeFileSync(path, '')
  symlinkSync(path, link)
  const before = process.cwd()
  onTestFinished(() => process.chdir(before))
  process.chdir(dirname(link))
  const database = testKysely(basename(link))
  await sql`select 1`.execute(database)
  process.chdir(before)

  for (let at = 0; at < 200; at += 1) await sql.raw(`create table t${at} (x text) strict`).execute(database)

  expect(existsSync(`${path}-wal`)).toBe(true)
  await expect.poll(() => statSync(path).size).toBeGreaterThan(100_000)
})

test('sqliteDialect() makes no file before the first query', async () => {
  const path = temporaryFile()

  testKysely(path)

  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
})

test('sqliteDialect() names the columns of a row, also those that another process added since the query was first asked', async () => {
  const path = temporaryFile()
  const database = testKysely(path)
  await sql`create table t (a, b)`.execute(database)
  await sql`insert into t values (1, 'two')`.execute(database)
  const queries = [sql`select a, b as c from t`, sql`select t.*, 'last' as z from t`]
  const ask = () => Promise.all(queries.map(async (query) => (await query.execute(database)).rows))
  const before = await ask()

  const other = new DatabaseSync(path)
  other.exec("alter table t add column added default 'new'")
  other.close()
  const after = await ask()

  const [named] = before
  expect(before).toEqual([[{ a: 1, c: 'two' }], [{ a: 1, b: 'two', z: 'last' }]])
  expect(after).toEqual([named, [{ a: 1, b: 'two', added: 'new', z: 'last' }]])
})

test('sqliteDialect() refuses every query after it was closed', async () => {
  const database = testKysely(':memory:')
  await sql`select 1`.execute(database)
  await database.destroy()

  const asking = sql`select 1`.execute(database)

  await expect(asking).rejects.toThrow()
})

test('sqliteDialect() goes on after a query that failed', async () => {
  const database = testKysely(':memory:')
  const failing = sql`select * from missing`.execute(database)
  await expect(failing).rejects.toThrow('missing')

  const next = await sql`select 1 as one`.execute(database)

  expect(next.rows).toEqual([{ one: 1 }])
})

test.each([
  ['a file that can grow no further', sql`pragma max_page_count = 3`, sql`pragma max_page_count = 1000`],
  ['a file that can only be read', sql`pragma query_only = on`, sql`pragma query_only = off`],
])(
  'sqliteDialect() tells %s as an outage, undoes the transaction, and goes on when it is over',
  async (_, spoil, mend) => {
    const database = testKysely(temporaryFile())
    await sql`create table t (x text) strict`.execute(database)
    await sql`insert into t values ('kept')`.execute(database)
    const writeTwice = () =>
      database.transaction().execute(async (inside) => {
        await sql`insert into t values ('first')`.execute(inside)
        await sql`insert into t values (${'second'.repeat(10_000)})`.execute(inside)
      })

    await spoil.execute(database)
    await expect(writeTwice()).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 1 })
    const { rows } = await sql`select x from t`.execute(database)
    await mend.execute(database)
    await writeTwice()

    expect(rows).toEqual([{ x: 'kept' }])
    expect((await sql`select x from t`.execute(database)).rows).toHaveLength(3)
  },
)

test('sqliteDialect() lets others go on while a commit is on its way to the disk', async () => {
  const database = testKysely(temporaryFile())
  await sql`create table t (x text) strict`.execute(database)
  const done: string[] = []

  const writing = database.transaction().execute((inside) => sql`insert into t values ('one')`.execute(inside))
  const written = writing.then(() => done.push('written'))
  const { rows } = await sql`select x from t`.execute(database)
  done.push('read')
  await written

  expect(rows).toEqual([{ x: 'one' }])
  expect(done).toEqual(['read', 'written'])
})

test('sqliteDialect() refuses what did not reach the disk, leaves the next transaction alone, and mends what was missed', async () => {
  const path = temporaryFile()
  await sql`create table t (x text) strict`.execute(testKysely(path))
  const database = testKysely(path)
  await sql`select x from t`.execute(database)
  const add = (text: string, done?: Promise<unknown>) =>
    database.transaction().execute(async (inside) => {
      await sql`insert into t values (${text})`.execute(inside)
      await done
    })

  renameSync(`${path}-wal`, `${path}-away`)
  const first = expect(add('first')).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 1 })
  const second = add(
    'second',
    first.then(() => renameSync(`${path}-away`, `${path}-wal`)),
  )
  await Promise.all([first, second])

  const file = new DatabaseSync(path, { readOnly: true })
  onTestFinished(() => file.close())
  expect(file.prepare('select x from t').all()).toEqual([{ x: 'first' }, { x: 'second' }])
  expect(statSync(`${path}-wal`).size).toBe(0)
})

test('sqliteDialect() brings the log into the file while the event loop goes on', async () => {
  const path = temporaryFile()
  const database = testKysely(path)
  await sql`create table t (x text) strict`.execute(database)

  for (let at = 0; at < 200; at += 1) await sql`insert into t values (${'x'.repeat(10_000)})`.execute(database)

  await expect.poll(() => statSync(path).size).toBeGreaterThan(1_000_000)
})

test('sqliteDialect() keeps its answers right however many kinds of query it saw', async () => {
  const database = testKysely(':memory:')
  const numbers = Array.from({ length: 500 }, (_, at) => at)

  const answers = await Promise.all(numbers.map((at) => sql.raw<{ n: number }>(`select ${at} as n`).execute(database)))

  expect(answers.map(({ rows }) => rows[0]?.n)).toEqual(numbers)
})

test('sqliteDialect() streams nothing, and says so', async () => {
  const database = new Kysely<{ t: { x: number } }>({ dialect: sqliteDialect(':memory:') })
  onTestFinished(() => database.destroy())

  const streaming = database.selectFrom('t').selectAll().stream().next()

  await expect(streaming).rejects.toThrow('Cannot stream from SQLite')
})

test('openDatabase() of one file twice shows each what the other has kept', async () => {
  const path = temporaryFile()
  const [one, other] = [testDatabase(path), testDatabase(path)]
  await one.migrations.up()
  await one.store.users.insert(userNamed('ada'))

  const seen = [await other.store.users.insert(userNamed('ada')), await other.store.users.insert(userNamed('bob'))]

  expect(seen).toEqual([false, true])
  expect(await one.store.users.findByEmail('bob@example.com')).toBeDefined()
})

test('openDatabase() of one file in two processes keeps 200 transactions of each, and none is told to wait', async () => {
  const path = temporaryFile()
  const database = testDatabase(path)
  await database.migrations.up()
  const program = (name: string) => `
    import { openDatabase } from ${JSON.stringify(new URL('./open-store.ts', import.meta.url).href)}
    const { store, close } = openDatabase(${JSON.stringify(`sqlite:${path}`)})
    await Promise.all(Array.from({ length: 200 }, (_, at) => store.transaction(async (inside) => {
      await inside.users.findByEmail('nobody@example.com')
      await inside.users.insert({
        id: '${name}' + at, email: '${name}' + at + '@example.com', passwordHash: 'hash', createdAt: 1,
        lastLoginAt: undefined, isActive: true,
      })
      await inside.users.recordLogin('${name}' + at, 2)
    })))
    await close()`

  await Promise.all(
    ['one', 'other'].map((name) => run(process.execPath, ['--input-type=module', '--eval', program(name)])),
  )

  const users = await database.store.users.list({ afterEmail: undefined, limit: 1_000 })
  expect(users).toHaveLength(400)
  expect(new Set(users.map(({ lastLoginAt }) => lastLoginAt))).toEqual(new Set([2]))
}, 60_000)

test('openDatabase() of one file in four processes lets one of them take an email [ASVS 15.4.2]', async () => {
  const path = temporaryFile()
  const database = testDatabase(path)
  await database.migrations.up()
  const program = `
    import { randomUUID } from 'node:crypto'
    import { openDatabase } from ${JSON.stringify(new URL('./open-store.ts', import.meta.url).href)}
    const { store, close } = openDatabase(${JSON.stringify(`sqlite:${path}`)})
    const inserted = await Promise.all(Array.from({ length: 25 }, () => store.users.insert({
      id: randomUUID(), email: 'ada@example.com', passwordHash: 'hash', createdAt: 1, lastLoginAt: undefined, isActive: true,
    })))
    console.log(inserted.filter(Boolean).length)
    await close()`

  const outputs = await Promise.all(
    Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '--eval', program])),
  )

  const wins = outputs.map(({ stdout }) => Number(stdout))
  expect(wins.toSorted()).toEqual([0, 0, 0, 1])
}, 60_000)

test('openDatabase() tells of the end of a session when it is on the disk, and not as soon as it is committed', async () => {
  const { store, migrations } = testDatabase(temporaryFile())
  await migrations.up()
  const user = userNamed('ada')
  await store.users.insert(user)
  const [first, second] = [newSession(user), newSession(user)]
  for (const session of [first, second]) await store.sessions.insert(session)
  // What others may have written before is on the disk then: only what this process writes is waited for.
  await store.sessions.revoke(first.id, { at: 2, reason: 'logout' })
  const { length } = await store.revocations.after(0, { now: 1, limit: 10 })
  let isTold = false

  const ending = store.sessions.revoke(second.id, { at: 2, reason: 'logout' })
  const tell = async () => {
    const [end] = await store.revocations.after(length, { now: 1, limit: 10 })
    isTold ||= end !== undefined
    return end
  }
  const tellings: ReturnType<typeof tell>[] = []
  // At every step of the commit, and after it long enough for all that does not wait for the disk. For the disk it is too
  // short: the event loop stands still meanwhile.
  for (let turn = 0; turn < 1_000; turn += 1) await tellings.push(tell())
  const wasToldAtOnce = isTold
  await Promise.all([...tellings, ending])

  expect((await tellings.at(-1))?.sessionId).toBe(second.id)
  expect(wasToldAtOnce).toBe(false)
})

test('openDatabase() leaves nothing undone in the file when it is closed', async () => {
  const path = temporaryFile()
  const database = testDatabase(path)
  await database.migrations.up()
  await database.store.users.insert(userNamed('ada'))
  await database.close()

  const file = new DatabaseSync(path, { readOnly: true })
  onTestFinished(() => file.close())

  expect(file.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
  expect(file.prepare('select email from users').all()).toEqual([{ email: 'ada@example.com' }])
})

function testKysely(path: string): Kysely<unknown> {
  const database = new Kysely<unknown>({ dialect: sqliteDialect(path) })
  onTestFinished(() => database.destroy())
  return database
}

function testDatabase(path: string) {
  return openTestDatabase(`sqlite:${path}`)
}

function userNamed(name: string): User {
  const id = newId() as UserId
  const email = `${name}@example.com`
  return { id, email, passwordHash: 'hash', createdAt: 1, lastLoginAt: undefined, isActive: true }
}

function newSession({ id: userId }: User): NewSession {
  const instants = { createdAt: 1, lastUsedAt: 1, expiresAt: 10, accessExpiresAt: 10 }
  return { id: newId() as SessionId, userId, ...instants, ipAddress: '127.0.0.1', userAgent: '' }
}

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'latchkey.db')
}
