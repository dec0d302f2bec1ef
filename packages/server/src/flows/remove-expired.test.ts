import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { secret } from '../testing/shared-secret.ts'
import { emptyDatabase, freshDatabase, onSqlite, openTestDatabase } from '../testing/test-database.ts'
import { ada, bob, callerOf, testHouse } from '../testing/test-house.ts'
import type { TokenPair } from './open-session.ts'
import { removeExpired } from './remove-expired.ts'

const hour = 3600
/** Access tokens outlive idle refresh tokens. */
const shortIdle = { ACCESS_TOKEN_TTL: '8h', REFRESH_TOKEN_TTL: '6h', SESSION_TTL: '1d' }
const lifetimes = { ACCESS_TOKEN_TTL: '1h', REFRESH_TOKEN_TTL: '6h', SESSION_TTL: '1d' }

afterEach(() => {
  vi.useRealTimers()
})

type Deed = { does: 'login' | 'refresh' | 'logout' | 'wait'; with: number }

/** What people do: to wait is with seconds, everything else with the tokens of that number. */
const deeds: fc.Arbitrary<Deed[]> = fc.array(
  fc.oneof(
    fc.record({ does: fc.constantFrom('login' as const, 'refresh' as const, 'logout' as const), with: fc.nat(50) }),
    fc.record({
      does: fc.constant('wait' as const),
      with: fc.constantFrom(60, hour / 2, 2 * hour, 7 * hour, 26 * hour),
    }),
  ),
  { minLength: 15, maxLength: 25 },
)

/** Ada at a server of her own, with every token that she was ever given. */
async function adaAtHome() {
  const settings = {
    ...shortIdle,
    REFRESH_REUSE_GRACE: '1m',
    PASSWORD_BLOCKLIST: 'off',
    JWT_SECRET: secret,
    DATABASE_URL: await freshDatabase(),
  }
  const house = await testHouse(settings)
  const tokens: TokenPair[] = [await house.auth.signUp(ada)]
  let waitedSeconds = 0
  const outcomeOf = (doing: Promise<unknown>) =>
    doing.then(
      () => 'done',
      ({ code }) => code,
    )

  async function act({ does, with: number }: Deed): Promise<string> {
    const given = tokens[number % tokens.length] ?? (await house.auth.logIn(ada))
    if (does === 'logout') return outcomeOf(logOut(given.accessToken))
    if (does === 'refresh') return outcomeOf(refresh(given.refreshToken))
    if (does === 'login') tokens.push(await house.auth.logIn(ada))
    if (does === 'wait') house.clock.advance(number)
    if (does === 'wait') waitedSeconds += number
    return 'done'
  }

  async function logOut(accessToken: string): Promise<void> {
    const caller = await callerOf(house, accessToken)
    await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
  }

  async function refresh(refreshToken: string): Promise<void> {
    tokens.push(await house.auth.refreshSession({ refreshToken, origin: ada.origin }))
  }

  /** What each token is worth at a server that starts now: it remembers nothing but what is kept. */
  async function look(): Promise<string[]> {
    const started = await testHouse(settings)
    started.clock.advance(waitedSeconds)
    await started.revocations.catchUp()
    const worth = tokens.map(async ({ accessToken, refreshToken }) => {
      const isVerified = await outcomeOf(started.verifier.verify(accessToken))
      const standings = [
        await started.auth.introspectToken(accessToken),
        await started.auth.introspectToken(refreshToken),
      ]
      return [isVerified, ...standings.map((standing) => standing !== undefined)].join(' ')
    })
    const worths = await Promise.all(worth)
    await started.close()
    return worths
  }

  return { act, look, removeExpired: house.expiry.run, removedRows: house.expiry.removedRows }
}

test('whatever people do and whenever it runs, nobody can tell that expired rows were removed', async () => {
  let sessionsRemoved = 0
  await fc.assert(
    fc.asyncProperty(deeds, async (story) => {
      const [tidied, untouched] = [await adaAtHome(), await adaAtHome()]

      for (const deed of story) {
        await tidied.removeExpired()
        expect(await tidied.act(deed)).toBe(await untouched.act(deed))
        if (deed.does === 'wait') {
          await tidied.removeExpired()
          expect(await tidied.look()).toEqual(await untouched.look())
        }
      }
      sessionsRemoved += tidied.removedRows()['sessions'] ?? 0
    }),
    { numRuns: 3 },
  )

  expect(sessionsRemoved).toBeGreaterThan(2)
})

test('run() leaves nothing of sessions whose tokens are all dead, and keeps accounts and the audit log', async () => {
  const { auth, verifier, clock, expiry, request } = await testHouse(lifetimes)
  const tokens = await auth.signUp(ada)
  await auth.refreshSession({ refreshToken: tokens.refreshToken, origin: ada.origin })
  await auth.logOut({
    caller: await callerOf({ verifier }, (await auth.logIn(ada)).accessToken),
    scope: 'global',
    origin: ada.origin,
  })
  clock.advance(26 * hour)

  await expiry.run()

  expect(expiry.removedRows()).toEqual({ sessions: 2, refresh_tokens: 3, revocations: 1, attempts: 0, status_lists: 1 })
  expect((await request('/metrics')).text).toContain('latchkey_expired_rows_removed_total{table="refresh_tokens"} 3')
  const { accessToken } = await auth.logIn(ada)
  const { events } = await auth.listEvents({
    caller: await callerOf({ verifier }, accessToken),
    cursor: undefined,
    limit: 9,
  })
  expect(events.map(({ type }) => type)).toEqual(['login', 'logout', 'login', 'refresh', 'signup'])
})

test('run() keeps an hour more than it must, for processes whose clocks differ', async () => {
  const { auth, clock, expiry } = await testHouse(lifetimes)
  await auth.signUp(ada)
  clock.advance(7 * hour - 1)
  await expiry.run()
  const early = expiry.removedRows()['sessions']
  clock.advance(1)

  await expiry.run()

  expect([early, expiry.removedRows()['sessions']]).toEqual([0, 1])
})

onSqlite('start() removes within three quarters of an hour, again and again, until it is closed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { auth, clock, expiry } = await testHouse(lifetimes)
  const removed = () => expiry.removedRows()['sessions']
  await auth.signUp(ada)
  clock.advance(26 * hour)
  expiry.start()
  await vi.advanceTimersByTimeAsync(45 * 60_000)
  await vi.waitUntil(() => removed() === 1)
  await auth.signUp(bob)
  clock.advance(26 * hour)

  await vi.advanceTimersByTimeAsync(45 * 60_000)

  await vi.waitUntil(() => removed() === 2)
  await expiry.close()
  expect(vi.getTimerCount()).toBe(0)
})

test('start() logs that rows were not removed, and tries again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const database = openTestDatabase(emptyDatabase())
  const warnings: string[] = []
  const log = {
    debug: () => {},
    info: () => {},
    error: () => {},
    warn: (_: object, message: string) => warnings.push(message),
  }
  const expiry = removeExpired({ store: database.store, log, now: Date.now, someTimeWithin: () => 0 })
  expiry.start()

  await vi.advanceTimersByTimeAsync(15 * 60_000)
  await vi.waitUntil(() => warnings.length === 1)
  await vi.advanceTimersByTimeAsync(15 * 60_000)

  await vi.waitUntil(() => warnings.length === 2)
  expect(new Set(warnings)).toEqual(new Set(['Expired rows were not removed']))
})
