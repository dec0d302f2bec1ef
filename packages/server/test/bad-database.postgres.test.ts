import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freePort } from '../src/testing/free-port.ts'
import { databaseOf, lookInto, temporaryFolder } from '../src/testing/test-database.ts'
import { testHouse } from '../src/testing/test-house.ts'
import { run, serve } from './processes.ts'

const settings = { MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'), DATABASE_CONNECT_TIMEOUT: '2s' }

/** A role of one test's own, which may connect once. */
async function lonelyRole(): Promise<{ name: string; password: string }> {
  const name = `${inject('postgres').schemas}_lonely`
  const password = 'a-password-of-one'
  const client = new pg.Client({ connectionString: inject('postgres').url })
  await client.connect()
  await client.query(`create role ${name} login connection limit 1 password '${password}'`)
  onTestFinished(async () => {
    await client.query(`drop role ${name}`)
    await client.end()
  })
  return { name, password }
}

type Bad = { url?: (url: URL) => void | Promise<void>; sql?: string; isMigrated?: boolean; said: RegExp }

const bad: Record<string, Bad> = {
  'that refuses the password': {
    url: (url) => {
      url.password = 'wrong-and-very-secret'
    },
    said: /password authentication failed for user/,
  },
  'that asks for a password where the address has none': {
    url: (url) => {
      url.password = ''
    },
    said: /it asks for a password, and the address has none/,
  },
  'that nobody answers for': {
    url: async (url) => {
      url.port = String(await freePort())
    },
    said: /connect ECONNREFUSED 127\.0\.0\.1:\d+/,
  },
  'that is read-only': {
    url: (url) =>
      url.searchParams.set('options', `${url.searchParams.get('options')} -c default_transaction_read_only=on`),
    said: /it is read-only, a standby or a server that was set so/,
  },
  'that may forget what it acknowledged': {
    url: (url) => url.searchParams.set('options', `${url.searchParams.get('options')} -c synchronous_commit=off`),
    said: /it may lose what it acknowledged, (fsync|synchronous_commit) is off \(DATABASE_DURABILITY=any accepts that\)/,
  },
  'that has no connection left': {
    url: async (url) => {
      const { name, password } = await lonelyRole()
      url.username = name
      url.password = password
      const occupant = new pg.Client({ connectionString: url.href })
      await occupant.connect()
      onTestFinished(() => occupant.end())
    },
    said: /too many connections for role/,
  },
  'that is newer': {
    isMigrated: true,
    sql: `insert into kysely_migration values ('9999-from-the-future', '2030')`,
    said: /it is newer than this program, which does not know 9999-from-the-future/,
  },
  'that was migrated in part': {
    isMigrated: true,
    sql: 'drop table attempts',
    said: /it was migrated in part: it lacks the table attempts/,
  },
  'that holds tables of something else': {
    sql: 'create table orders (id int)',
    said: /it holds tables of something else: orders/,
  },
}

test.each(Object.entries(bad))(
  'a database %s is refused in one clear line without a password, and nothing is changed',
  { timeout: 60_000 },
  async (_, { url: spoil, sql, isMigrated = false, said }) => {
    const folder = temporaryFolder()
    const url = new URL(databaseOf(folder))
    if (isMigrated) await testHouse({ DATABASE_URL: url.href })
    const database = lookInto(url.href)
    if (sql) database.run(sql)
    const before = database.version()
    await spoil?.(url)

    const durability = said.source.includes('acknowledged') ? 'required' : 'any'
    const { code, stdout, stderr } = await run(['serve'], {
      folder,
      settings: { ...settings, DATABASE_URL: url.href, DATABASE_DURABILITY: durability },
    })

    expect(code).toBe(1)
    expect(stderr).toMatch(said)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    const { password } = new URL(databaseOf(folder))
    for (const secret of [url.password, password, decodeURIComponent(password)].filter(Boolean)) {
      expect(stdout + stderr).not.toContain(secret)
    }
    expect(database.version()).toBe(before)
  },
)

test('several nodes that start together on an empty database migrate it once, and all serve', {
  timeout: 60_000,
}, async () => {
  const folder = temporaryFolder()

  const nodes = await Promise.all([1, 2, 3].map(() => serve({ folder, settings })))

  const ready = await Promise.all(nodes.map((node) => node.request('/readyz')))
  expect(ready.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(nodes.filter((node) => node.stderr().includes('(made now)'))).toHaveLength(1)
})

test('a node of an earlier migration serves on while a new one has migrated', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder()
  const earlier = await serve({ folder, settings })
  const user = { email: 'ada@example.com', password: 'SecurePass123' }
  await earlier.request('/api/auth/signup', { body: user })
  // What a later program does: it adds, and records that.
  lookInto(databaseOf(folder)).run(`
    create table passkeys (id text primary key);
    alter table users add column nickname text;
    insert into kysely_migration values ('9999-passkeys', '2030')`)

  const answers = [
    await earlier.request('/readyz'),
    await earlier.request('/api/auth/login', { body: user }),
    await earlier.request('/api/auth/signup', { body: { ...user, email: 'bob@example.com' } }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 201])
})
