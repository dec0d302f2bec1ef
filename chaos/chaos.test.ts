import { expect, test } from 'vitest'
import { type Client, clientOf, type HeldSession } from './client.ts'
import { judge, type Violation } from './judge.ts'
import { gather, storm } from './run-chaos.ts'
import { type Engine, openSite, type Site, untilReady } from './site.ts'

const seconds = 6
const patienceMilliseconds = 180_000

test.concurrent.for<Engine>(['sqlite', 'postgres'])(
  'on %s nothing acknowledged is lost when everything is broken once, and what is tampered with after that is found',
  { timeout: patienceMilliseconds },
  async (engine, { onTestFinished }) => {
    const site = await openSite(engine)
    onTestFinished(site.close)

    const { client, faults } = await storm(site, { seconds, seed: 1 })
    const evidence = await gather(site, client)

    expect(judge(evidence)).toEqual([])
    expect(Math.min(...faults.values())).toBeGreaterThan(0)

    const ownClient = clientOf(site)
    await tamper(site, ownClient)
    const { history, ...found } = await gather(site, ownClient)
    const violations = judge({ ...found, history: [...evidence.history, ...history] })

    expect(namesIn(violations, ownClient)).toEqual(whatMustBeFound)
    const stricter = evidence.limits.map((limit) => ({ ...limit, attempts: 1 }))
    expect(judge({ ...evidence, limits: stricter }).map(({ rule }) => rule)).toContain('limit exceeded')
  },
)

test.concurrent(
  'a Postgres that acknowledges what it has not written is found out by a crash',
  async ({ onTestFinished }) => {
    const site = await openSite('postgres', { isForgetful: true })
    onTestFinished(site.close)
    // The tables at least.
    site.sql('checkpoint')
    const client = clientOf(site)
    client.enter('after')
    await Promise.all(['one', 'two', 'three'].map((name) => open(client, name)))

    await site.postgres?.crash()
    await site.postgres?.start()
    await untilReady(site.nodes)

    const violations = judge(await gather(site, client))
    expect(namesIn(violations, client)).toEqual(expect.arrayContaining(['account lost: three', 'session lost: three']))
  },
  patienceMilliseconds,
)

const whatMustBeFound = [
  'account lost: deleted',
  'event missing or doubled: deleted',
  'event missing or doubled: doubled',
  'event missing or doubled: unwritten',
  'logout undone: returned',
  'refresh token honoured twice: rewound',
  'rows without their deed: doubled',
  'rows without their deed: returned',
  'rows without their deed: rewound',
  'rows without their deed: unwritten',
  'session lost: deleted',
]

/** Undoes acknowledged deeds behind the server's back, each of an account that is named after what befalls it. */
async function tamper({ sql }: Site, client: Client): Promise<void> {
  client.enter('after')
  const deleted = await open(client, 'deleted')
  const returned = await open(client, 'returned')
  const rewound = await open(client, 'rewound')
  const unwritten = await open(client, 'unwritten')
  const doubled = await open(client, 'doubled')
  const { refreshToken } = rewound
  await client.logOut(returned, 'local')
  await client.refresh(rewound)

  const deletedUser = `user_id = (select id from users where email = '${deleted.account}')`
  sql(`delete from refresh_tokens where session_id = '${deleted.id}'`)
  sql(`delete from sessions where ${deletedUser}`)
  sql(`delete from known_networks where ${deletedUser}`)
  sql(`delete from auth_events where ${deletedUser}`)
  sql(`delete from users where email = '${deleted.account}'`)

  sql(`delete from revocations where session_id = '${returned.id}'`)
  sql(`update sessions set revoked_at = null, revoked_reason = null where id = '${returned.id}'`)

  sql(`update refresh_tokens set used_at = null, successor_sealed = null where session_id = '${rewound.id}'`)
  await client.refresh(rewound, refreshToken)

  sql(`delete from auth_events where session_id = '${unwritten.id}'`)

  sql(`insert into auth_events
         (id, user_id, session_id, event_type, ip_address, user_agent, success, request_id, created_at, count)
       select '00000000-0000-4000-8000-000000000000', user_id, session_id, event_type, ip_address, user_agent, success,
         request_id, created_at, count
       from auth_events where session_id = '${doubled.id}'`)
}

async function open(client: Client, name: string): Promise<HeldSession> {
  const account = { email: `${name}@example.com`, password: 'Secure-control-1', sessions: [] as HeldSession[] }
  await client.signUp(account)
  const [session] = account.sessions
  if (!session) throw new Error(`Cannot sign up ${name}`)
  return session
}

/** Each rule with the names of the accounts that it was broken for. */
function namesIn(violations: Violation[], { accounts }: Client): string[] {
  const named = violations.map(({ rule, what }) => {
    const subject = accounts.find(
      ({ email, sessions }) => what.includes(email) || sessions.some(({ id }) => what.includes(id)),
    )
    return `${rule}: ${subject?.email.split('@')[0] ?? what}`
  })
  return [...new Set(named)].toSorted()
}
