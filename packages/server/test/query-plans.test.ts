import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import { operator } from '../src/cli/operator.ts'
import { engine } from '../src/testing/test-database.ts'
import { ada, callerOf } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

type House = Awaited<ReturnType<typeof fileHouse>>
type Statement = { sql: string; parameters: unknown[] }

/** How an engine tells of its statements and plans. */
type Explainer = {
  /** Listens from now on. Answers what was asked until then. */
  listen(): () => Statement[]
  /** Puts so many rows into the tables that a plan which is good for few is not taken for good. */
  fill(house: House): void
  plan(house: House, statement: Statement): Promise<string[]>
  /** Reads a whole table or index, or builds one, or sorts what it found. */
  isSlow(step: string): boolean
}

/** The tables that grow with users. The others have a few rows, and reading all of them is what is asked. */
const bigTables = /"(users|known_networks|sessions|refresh_tokens|revocations|auth_events)"/
const day = 86_400_000
const rows = 50_000
const newPassword = 'AnotherGood1'

/** Which index finds the rows of what is asked most, and of what walks over all: its name in SQLite and in Postgres. */
const hot: [statement: RegExp, sqlite: string, postgres: string][] = [
  [/from "users" where "email" >= /, 'sqlite_autoindex_users_2', 'users_email_key'],
  [/from "known_networks" where/, 'sqlite_autoindex_known_networks_1', 'known_networks_key'],
  [/^update "users" set "last_login"/, 'sqlite_autoindex_users_1', 'users_pkey'],
  [/^update "refresh_tokens"/, 'sqlite_autoindex_refresh_tokens_1', 'refresh_tokens_pkey'],
  [/from "refresh_tokens" left join "sessions"/, 'sqlite_autoindex_refresh_tokens_1', 'refresh_tokens_pkey'],
  [/from "refresh_tokens" inner join "sessions"/, 'sqlite_autoindex_refresh_tokens_1', 'refresh_tokens_pkey'],
  [/^select "sessions".* inner join "users"/, 'sqlite_autoindex_sessions_1', 'sessions_id_key'],
  [/from "sessions" where "user_id" = .* order by/, 'sessions_of_user', 'sessions_of_user'],
  [/^update "sessions" .* "user_id" = /, 'sessions_of_user', 'sessions_of_user'],
  [
    /from "auth_events" where (?:"user_id"|coalesce\(.*\)) = [?$\d]+ order by/,
    'COVERING INDEX auth_events_by_owner',
    'auth_events_of_user',
  ],
  [
    /from "auth_events" where (?:"user_id"|coalesce\(.*\)) = .* "sequence" </,
    'COVERING INDEX auth_events_by_owner',
    'auth_events_of_user',
  ],
  [/from "revocations" where "sequence" > .* "access_expires_at" >/, 'INTEGER PRIMARY KEY', 'revocations_pkey'],
  // Walks, piece by piece: where a piece ends, and what is done to its rows.
  [/from "sessions" where "number" > .* offset/, 'INTEGER PRIMARY KEY', 'sessions_pkey'],
  [/^update "sessions" .* "number" >/, 'INTEGER PRIMARY KEY', 'sessions_pkey'],
  [/^select "id" from "sessions" where "number" >/, 'INTEGER PRIMARY KEY', 'sessions_pkey'],
  [/^select "id" from "sessions" where "number" >/, 'refresh_tokens_of_session', 'refresh_tokens_of_session'],
  [/^delete from "refresh_tokens"/, 'refresh_tokens_of_session', 'refresh_tokens_of_session'],
  [/^delete from "sessions"/, 'sqlite_autoindex_sessions_1', 'sessions_id_key'],
  [/from "revocations" where "sequence" > .* offset/, 'INTEGER PRIMARY KEY', 'revocations_pkey'],
  [/^delete from "revocations"/, 'INTEGER PRIMARY KEY', 'revocations_pkey'],
]

const sqlite: Explainer = {
  listen: () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare')
    onTestFinished(() => prepare.mockRestore())
    return () => prepare.mock.calls.map(([sql]) => ({ sql, parameters: [] }))
  },
  // It plans by which indexes there are.
  fill: () => {},
  plan: async ({ database }, { sql }) =>
    database.rows<{ detail: string }>(`explain query plan ${sql}`).map(({ detail }) => detail),
  isSlow: (step) => /^SCAN (?!CONSTANT ROW|always)|USE TEMP B-TREE|AUTOMATIC/.test(step),
}

const postgres: Explainer = {
  listen: () => {
    const query = vi.spyOn(pg.Client.prototype, 'query')
    onTestFinished(() => query.mockRestore())
    const calls = () => query.mock.calls as unknown[] as [unknown, unknown?][]
    return () =>
      calls().flatMap(([sql, parameters]) =>
        typeof sql === 'string' && Array.isArray(parameters) ? [{ sql, parameters }] : [],
      )
  },
  fill: ({ database, clock }) => {
    const [then, end] = [clock.now(), clock.now() + 30 * day]
    const many = `generate_series(1, ${rows}) n`
    database.run(`
      insert into users (id, email, password_hash, created_at)
        select 'user ' || n, 'user' || n || '@bench.example', 'no hash', ${then} from ${many};
      insert into known_networks select 'user ' || n, '192.0.2.1', ${then} from ${many};
      insert into sessions (id, user_id, created_at, last_used_at, expires_at, access_expires_at, ip_address, user_agent)
        select 'session ' || n, 'user ' || n, ${then}, ${then}, ${end}, ${end}, '192.0.2.1', 'a browser' from ${many};
      insert into refresh_tokens (digest, session_id, created_at, expires_at)
        select 'digest ' || n, 'session ' || n, ${then}, ${end} from ${many};
      insert into revocations (session_id, session_number, access_expires_at, created_at)
        select 'session ' || n, n, ${end}, ${then} from ${many};
      insert into auth_events (id, user_id, event_type, ip_address, user_agent, success, request_id, created_at)
        select 'event ' || n, 'user ' || n, 'login', '192.0.2.1', 'a browser', 1, 'request', ${then} from ${many};
      analyze users, known_networks, sessions, refresh_tokens, revocations, auth_events`)
  },
  plan: async ({ databaseUrl }, { sql, parameters }) => {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    // The last piece of a walk has no upper end, and with few rows the first is the last.
    const asked = parameters.map((value) => (value === Number.MAX_SAFE_INTEGER ? 500 : value))
    const { rows } = await client.query(`explain (costs off) ${sql}`, asked)
    await client.end()
    return rows.map((row) => row['QUERY PLAN'])
  },
  isSlow: (step) =>
    /Seq Scan on (users|known_networks|sessions|refresh_tokens|revocations|auth_events)|Sort/.test(step),
}

const explainer = engine === 'sqlite' ? sqlite : postgres

/** Everything that is done at requests or all the time, once. */
async function doEverything(house: House): Promise<void> {
  const { auth, verifier, refusals, revocations, request, expiry, clock } = house
  const { origin } = ada
  const signedUp = await auth.signUp(ada)
  const caller = await callerOf(house, signedUp.accessToken)
  const stranger = { ...origin, network: '192.0.2.77' }
  await auth.logIn({ ...ada, password: 'WrongPass123', origin: stranger }).catch(() => undefined)
  const other = await auth.logIn(ada)
  const { refreshToken } = await auth.refreshSession({ refreshToken: signedUp.refreshToken, origin })
  await auth.refreshSession({ refreshToken: signedUp.refreshToken, origin })
  await auth.readProfile(caller)
  await auth.listSessions(caller)
  await auth.introspectToken(refreshToken)
  await auth.introspectToken(signedUp.accessToken)
  await auth.endSession({ caller, sessionId: (await callerOf({ verifier }, other.accessToken)).sessionId, origin })
  await auth.logOut({ caller, scope: 'others', origin })
  await auth.changePassword({ caller, currentPassword: ada.password, newPassword, origin })
  await auth.logOut({ caller, scope: 'local', origin })
  refusals.count(origin, { type: 'rate_limited', failureReason: 'login' })
  await refusals.flush()
  await revocations.catchUp()
  await request('/.well-known/status-lists/0')
  await auth.endEverySession(operator())
  clock.advance(400 * 86_400)
  await expiry.run()
}

/** Where in the log a page begins tells Postgres how much is before it: in a log of a few lines, nothing. */
async function readEvents({ auth, verifier }: House): Promise<void> {
  const caller = await callerOf({ verifier }, (await auth.logIn({ ...ada, password: newPassword })).accessToken)
  const { nextCursor } = await auth.listEvents({ caller, cursor: undefined, limit: 1 })
  await auth.listEvents({ caller, cursor: nextCursor, limit: 1 })
}

test('every statement of a request, of the polls and of the walks finds its rows by an index, and sorts none', async () => {
  const statements = explainer.listen()
  const house = await fileHouse({ RATE_LIMIT_ACCOUNT: '10/hour' })

  await doEverything(house)
  explainer.fill(house)
  await readEvents(house)

  const heard = new Map(statements().map((statement) => [statement.sql, statement]))
  const asked = [...heard.values()].filter(({ sql }) => bigTables.test(sql) && !/^create|^alter/.test(sql))
  const plans: { sql: string; steps: string[] }[] = []
  for (const statement of asked) plans.push({ sql: statement.sql, steps: await explainer.plan(house, statement) })
  // The session list sorts the live sessions of one user: they are few, and all are counted anyway. So are the tokens
  // of a piece that is removed.
  const maySort = (sql: string) => /order by "last_used_at"|^delete from "refresh_tokens"/.test(sql)
  // Each of its scans ends at the first row.
  const isLookUp = (sql: string) => /limit 1\) as "following" union all .* limit 1\) as "last" limit 1$/.test(sql)
  const mayBeSlow = (sql: string, step: string) =>
    (maySort(sql) && !/^SCAN \w|Seq Scan/.test(step)) ||
    (isLookUp(sql) && /^SCAN (following|last|users USING INDEX .*)$/.test(step))
  const slow = plans.flatMap(({ sql, steps }) => steps.filter(explainer.isSlow).map((step) => ({ sql, step })))
  expect(slow.filter(({ sql, step }) => !mayBeSlow(sql, step))).toEqual([])
  for (const [statement, ...names] of hot) {
    const index = names[engine === 'sqlite' ? 0 : 1]
    const those = plans.filter(({ sql }) => statement.test(sql))
    expect(those, `What is asked by ${statement}`).not.toEqual([])
    for (const { sql, steps } of those)
      expect(steps.join('\n'), sql).toMatch(new RegExp(`using (covering )?(index )?${index}\\b`, 'i'))
  }
})

test('the plans of statements that read a whole table, or sort it, are known as slow', async () => {
  const house = await fileHouse()

  const scan = await explainer.plan(house, { sql: 'select * from users where last_login = 1', parameters: [] })
  const sort = await explainer.plan(house, { sql: 'select * from users order by id, last_login', parameters: [] })

  expect([scan, sort].map((steps) => steps.some(explainer.isSlow))).toEqual([true, true])
})
