import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import type { ApiCredentialId } from '../domain/api-credential.ts'
import { ada, callerOf, originAt } from '../testing/test-house.ts'

const operator = originAt('local')
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A house where somebody signed up and logged in once more, and what the audit log says of what comes after. */
async function houseWithAda() {
  const house = await fileHouse()
  const pair = await house.auth.signUp(ada)
  const caller = await callerOf(house, pair.accessToken)
  const { sessionId: otherId } = await callerOf(house, (await house.auth.logIn(ada)).accessToken)
  const before = house.database.events().length
  return { ...house, pair, caller, otherId, news: () => house.database.events().slice(before) }
}

type Given = Awaited<ReturnType<typeof houseWithAda>>

const origin = { address: '203.0.113.9', network: '203.0.113.9', userAgent: 'agent/1', requestId: crypto.randomUUID() }

const deeds: [deed: string, type: string, act: (house: Given) => Promise<unknown>][] = [
  ['a login', 'login', ({ auth }) => auth.logIn({ ...ada, origin })],
  ['a logout', 'logout', ({ auth, caller }) => auth.logOut({ caller, scope: 'global', origin })],
  ['a refresh', 'refresh', ({ auth, pair }) => auth.refreshSession({ ...pair, origin })],
  [
    'a change of password',
    'password_changed',
    ({ auth, caller }) =>
      auth.changePassword({ caller, currentPassword: ada.password, newPassword: 'AnotherGood1', origin }),
  ],
  [
    'an end of another session',
    'session_revoked',
    ({ auth, caller, otherId }) => auth.endSession({ caller, sessionId: otherId, origin }),
  ],
  [
    'an end of every session of a user',
    'sessions_revoked',
    ({ auth }) => auth.endSessionsOf({ emailOrId: ada.email, origin }),
  ],
  [
    'a revocation by an API',
    'token_revoked',
    ({ auth, pair }) => {
      const api = { id: crypto.randomUUID() as ApiCredentialId, name: 'tasks' }
      return auth.revokeToken({ api, token: pair.refreshToken, origin })
    },
  ],
  ['a disabling', 'user_disabled', ({ auth }) => auth.setUserActive({ emailOrId: ada.email, isActive: false, origin })],
]

test.each(deeds)(
  '%s leaves exactly one line, with user, address, user agent and request id [ASVS 16.2.1, ASVS 16.3.1]',
  async (_, type, act) => {
    const house = await houseWithAda()

    await act(house)

    expect(house.news()).toEqual([
      expect.objectContaining({
        event_type: type,
        user_id: house.pair.userId,
        ip_address: origin.address,
        user_agent: origin.userAgent,
        request_id: origin.requestId,
        success: 1,
        failure_reason: null,
        created_at: house.clock.now(),
        count: 1,
      }),
    ])
  },
)

test('a signup leaves exactly one line, with the session that it began [ASVS 16.3.1]', async () => {
  const { database, caller } = await houseWithAda()

  const signups = database.events().filter(({ event_type }) => event_type === 'signup')
  expect(signups).toEqual([
    expect.objectContaining({ user_id: caller.userId, session_id: caller.sessionId, success: 1 }),
  ])
})

test('a signup with a taken email leaves one line that names nobody', async () => {
  const { auth, news } = await houseWithAda()

  await expect(auth.signUp({ ...ada, origin })).rejects.toMatchObject({ code: 'CONFLICT_EMAIL' })

  expect(news()).toEqual([
    expect.objectContaining({ event_type: 'signup_failed', user_id: null, success: 0, failure_reason: 'email_taken' }),
  ])
})

test.each([
  ['wrong_password', ada.email, 'WrongPass123', true],
  ['unknown_email', 'nobody@example.com', ada.password, false],
])('a login that fails for %s leaves exactly one line [ASVS 16.3.1]', async (reason, email, password, isKnown) => {
  const { auth, news, pair } = await houseWithAda()

  await expect(auth.logIn({ email, password, origin })).rejects.toMatchObject({ code: 'AUTH_FAILED' })

  const userId = isKnown ? pair.userId : null
  expect(news()).toEqual([
    expect.objectContaining({ event_type: 'login_failed', user_id: userId, success: 0, failure_reason: reason }),
  ])
})

test('a login to a disabled account leaves one line that says so', async () => {
  const { auth, news, pair } = await houseWithAda()
  await auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: operator })

  await expect(auth.logIn({ ...ada, origin })).rejects.toMatchObject({ code: 'AUTH_FAILED' })

  expect(news().slice(1)).toEqual([
    expect.objectContaining({ event_type: 'login_failed', user_id: pair.userId, failure_reason: 'inactive' }),
  ])
})

test('a refresh token that comes back leaves one line, of its session [ASVS 16.3.1]', async () => {
  const { auth, clock, news, pair, caller } = await houseWithAda()
  await auth.refreshSession({ ...pair, origin })
  clock.advance(60)

  await expect(auth.refreshSession({ ...pair, origin })).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })

  expect(news().slice(1)).toEqual([
    expect.objectContaining({
      event_type: 'refresh_reused',
      user_id: caller.userId,
      session_id: caller.sessionId,
      success: 0,
      failure_reason: 'token_used_before',
    }),
  ])
})

test('a refresh that is repeated within the grace leaves a line of its own', async () => {
  const { auth, news, pair } = await houseWithAda()
  await auth.refreshSession({ ...pair, origin })

  await auth.refreshSession({ ...pair, origin })

  expect(news().map(({ event_type }) => event_type)).toEqual(['refresh', 'refresh_repeated'])
})

test('a change of password that fails leaves exactly one line, of the session that tried [ASVS 16.3.1]', async () => {
  const { auth, news, caller } = await houseWithAda()
  const change = { currentPassword: 'WrongPass123', newPassword: 'AnotherGood1' }

  await expect(auth.changePassword({ ...change, caller, origin })).rejects.toMatchObject({ code: 'AUTH_FAILED' })

  expect(news()).toEqual([
    expect.objectContaining({
      event_type: 'password_change_failed',
      user_id: caller.userId,
      session_id: caller.sessionId,
      success: 0,
      failure_reason: 'wrong_password',
    }),
  ])
})

test('an end of every session of everyone leaves one line that names nobody', async () => {
  const { auth, news } = await houseWithAda()

  await auth.endEverySession(operator)

  expect(news()).toEqual([
    expect.objectContaining({ event_type: 'sessions_revoked', user_id: null, ip_address: 'local', success: 1 }),
  ])
})

test('an account made by an operator leaves one line', async () => {
  const { auth, news } = await houseWithAda()

  const { id } = await auth.createUser({ email: 'eve@example.com', password: ada.password, origin: operator })

  expect(news()).toEqual([
    expect.objectContaining({ event_type: 'user_created', user_id: id, ip_address: 'local', success: 1 }),
  ])
})

test('disabling a user who is disabled leaves no line', async () => {
  const { auth, news } = await houseWithAda()
  const disable = () => auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: operator })
  await disable()

  await disable()

  expect(news()).toHaveLength(1)
})

test('every line of the audit log has an id of its own', async () => {
  const { auth, database } = await houseWithAda()
  await auth.logIn(ada)
  await auth.logIn(ada)

  const ids = database.rows<{ id: string }>('select id from auth_events').map(({ id }) => id)

  expect(new Set(ids).size).toBe(4)
  for (const id of ids) expect(id).toMatch(uuid)
})

/** What the product keeps, but for what it only counts. */
const everything = `
  select 'user ' || id || email || password_hash || coalesce(cast(last_login as text), '') || is_active as row from users
  union all select 'session ' || id || last_used_at || coalesce(cast(revoked_at as text), '') from sessions
  union all select 'token ' || digest || coalesce(cast(used_at as text), '') from refresh_tokens
  union all select 'end ' || session_id from revocations
  union all select 'network ' || network || last_login from known_networks order by 1`

const undone: [deed: string, act: (house: Given) => Promise<unknown>][] = [
  ['a signup', ({ auth }) => auth.signUp({ email: 'eve@example.com', password: ada.password, origin })],
  ['an end of every session of everyone', ({ auth }) => auth.endEverySession(operator)],
  ...deeds.map(([deed, , act]): [string, (house: Given) => Promise<unknown>] => [deed, act]),
]

test.each(undone)('%s is undone where its line cannot be written [ASVS 16.5.3]', async (_, act) => {
  const house = await houseWithAda()
  house.clock.advance(5)
  house.database.breakWrites('insert on auth_events')
  const before = house.database.rows(everything)

  await expect(act(house)).rejects.toThrow('no room')

  expect(house.database.rows(everything)).toEqual(before)
})

const actOf = (wanted: string) => undone.flatMap(([deed, act]) => (deed === wanted ? [act] : []))

/** Each write of a deed is a point at which it could break off. */
const breaks = [
  { deed: 'a signup', writes: ['insert on users', 'insert on sessions', 'insert on refresh_tokens'] },
  { deed: 'a signup', writes: ['update on users', 'insert on known_networks', 'insert on auth_events'] },
  { deed: 'a refresh', writes: ['update on refresh_tokens', 'update on sessions', 'insert on refresh_tokens'] },
  { deed: 'a refresh', writes: ['insert on auth_events'] },
  { deed: 'a change of password', writes: ['update on users', 'update on sessions'] },
  { deed: 'a change of password', writes: ['insert on revocations', 'insert on auth_events'] },
  { deed: 'an end of another session', writes: ['update on sessions', 'insert on revocations'] },
  { deed: 'an end of every session of everyone', writes: ['update on sessions', 'insert on revocations'] },
].flatMap(({ deed, writes }) => actOf(deed).flatMap((act) => writes.map((write) => ({ deed, write, act }))))

test.each(breaks)('$deed that breaks off at its $write leaves nothing behind [ASVS 2.3.3]', async ({ write, act }) => {
  const house = await houseWithAda()
  house.clock.advance(5)
  house.database.breakWrites(write)
  const before = house.database.rows(everything)

  await expect(act(house)).rejects.toThrow('no room')

  expect(house.database.rows(everything)).toEqual(before)
})

test('a login that fails is refused where its line cannot be written', async () => {
  const { auth, database } = await houseWithAda()
  database.breakWrites('insert on auth_events')

  const attempt = auth.logIn({ ...ada, password: 'WrongPass123' })

  await expect(attempt).rejects.toThrow('no room')
})
