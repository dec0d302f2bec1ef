import { expect, test } from 'vitest'
import {
  databaseOf,
  emptyDatabase,
  engine,
  lookInto,
  openTestDatabase,
  temporaryFolder,
} from '../src/testing/test-database.ts'
import { run, serve } from './processes.ts'

const small = ['--users', '50', '--sessions', '120', '--events', '700']

/** Every index and constraint of a database, as it is told to make it. */
const shape =
  engine === 'sqlite'
    ? 'select name, sql from sqlite_schema order by name'
    : `select conname as name, pg_get_constraintdef(oid) as sql from pg_constraint
         where connamespace = current_schema()::regnamespace
       union all
       select indexname, replace(indexdef, current_schema(), '') from pg_indexes where schemaname = current_schema()
       order by name, sql`

test('latchkey bench seed makes accounts that can log in, sessions and events, and tells how far it is', async () => {
  const folder = temporaryFolder()

  const { code, stdout, stderr } = await run(['bench', 'seed', ...small], { folder })

  const database = lookInto(databaseOf(folder))
  const count = (table: string) => database.rows<{ n: number }>(`select count(*) as n from ${table}`)[0]?.n
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^Made 50 users, 120 sessions and 700 events in \d+ s\nThe password of every account is \w+\n$/,
  )
  expect(stderr).toMatch(/^auth_events {5}\[#{30}\] 100 % {2}700 of 700, \d+\/s$/m)
  expect(['users', 'sessions', 'refresh_tokens', 'auth_events'].map(count)).toEqual([50, 120, 120, 700])
  if (engine === 'sqlite') expect(database.rows('pragma foreign_key_check')).toEqual([])
  const migrated = emptyDatabase()
  await openTestDatabase(migrated).migrations.up()
  expect(database.rows(shape)).toEqual(lookInto(migrated).rows(shape))
  const server = await serve({ folder })
  const body = { email: 'user0000007@bench.example', password: /is (\w+)\n$/.exec(stdout)?.[1] }
  const { status, json } = await server.request('/api/auth/login', { body })
  const events = await server.request('/api/auth/events', { token: json().token })
  expect([status, events.json().data.length > 1]).toEqual([200, true])
})

test('latchkey bench seed refuses a database that has accounts, unless it is asked to add', async () => {
  const folder = temporaryFolder()
  await run(['bench', 'seed', ...small], { folder })

  const refused = await run(['bench', 'seed', ...small], { folder })
  const added = await run(['bench', 'seed', ...small, '--add', '--json'], { folder })

  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toBe('latchkey: Cannot seed this database: it has 50 accounts already\n')
  expect(JSON.parse(added.stdout)).toMatchObject({ users: 50, sessions: 120, events: 700 })
  expect(lookInto(databaseOf(folder)).rows('select id from users')).toHaveLength(100)
})
