import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { newId } from '../crypto/secrets.ts'
import type { ApiCredentialId } from '../domain/api-credential.ts'
import { withApi } from '../testing/api-house.ts'
import { countingStore } from '../testing/counting-store.ts'
import { claimsOf, resigned, secret } from '../testing/shared-secret.ts'
import { openTestDatabase } from '../testing/test-database.ts'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'
import { revokeToken } from './revoke-token.ts'

const origin = originAt('192.0.2.9')

/** A house where Ada has refreshed once: every token that was ever given for her session. */
async function houseWithSession(settings: Record<string, string> = {}) {
  const house = await withApi(await fileHouse(settings))
  const api = await house.auth.authenticateApi({ name: undefined, credential: house.credential, origin })
  const second = await house.auth.refreshSession({ ...house.tokens, origin: ada.origin })
  const { sessionId } = await callerOf(house, second.accessToken)
  const other = await house.auth.signUp(bob)
  const revoke = (token: string) => house.auth.revokeToken({ api, token, origin })
  const news = () => house.database.events().filter(({ event_type }) => event_type === 'token_revoked')
  return { ...house, second, other, sessionId, revoke, news }
}

type House = Awaited<ReturnType<typeof houseWithSession>>

const ownTokens: [which: string, token: (house: House) => string][] = [
  ['its first access token', ({ tokens }) => tokens.accessToken],
  ['its newest access token', ({ second }) => second.accessToken],
  ['its newest refresh token', ({ second }) => second.refreshToken],
  ['a refresh token that was used', ({ tokens }) => tokens.refreshToken],
]

test.each(ownTokens)(
  'revokeToken() of %s ends the session, and every token of it, before it answers [RFC7009-2.1c]',
  async (_, tokenOf) => {
    const house = await houseWithSession()

    await house.revoke(tokenOf(house))

    for (const { accessToken } of [house.tokens, house.second]) {
      await expect(house.verifier.verify(accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
    }
    const refreshing = house.auth.refreshSession({ ...house.second, origin: ada.origin })
    await expect(refreshing).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
    await expect(house.verifier.verify(house.other.accessToken)).resolves.toBeDefined()
  },
)

test('revokeToken() ends the session of a refresh token that is too old by itself', async () => {
  const house = await houseWithSession({ REFRESH_TOKEN_TTL: '1h' })
  house.clock.advance(3600)

  await house.revoke(house.second.refreshToken)

  await expect(house.verifier.verify(house.second.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('revokeToken() leaves one line, of the user, the session and the API, and says why the session ended', async () => {
  const house = await houseWithSession()

  await house.revoke(house.second.accessToken)

  expect(house.news()).toEqual([
    expect.objectContaining({
      user_id: house.tokens.userId,
      session_id: house.sessionId,
      api_name: 'tasks',
      ip_address: origin.address,
      request_id: origin.requestId,
      success: 1,
    }),
  ])
  expect(house.database.rows('select revoked_reason as reason from sessions where revoked_at is not null')).toEqual([
    { reason: 'token_revoked' },
  ])
})

test('revokeToken() of one session by many at once, by each of its tokens, is done once', async () => {
  const house = await houseWithSession()
  const tokens = [house.tokens, house.second].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken])

  await Promise.all([...tokens, ...tokens].map(house.revoke))

  expect(house.news()).toHaveLength(1)
  expect(house.database.rows('select session_id from revocations')).toHaveLength(1)
})

test('revokeToken() that comes a second time changes nothing', async () => {
  const house = await houseWithSession()
  await house.revoke(house.second.accessToken)
  const before = house.database.rows('select * from sessions')
  house.clock.advance(60)

  await house.revoke(house.second.accessToken)
  await house.revoke(house.second.refreshToken)

  expect(house.news()).toHaveLength(1)
  expect(house.database.rows('select * from sessions')).toEqual(before)
})

test('revokeToken() at the time of a refresh leaves no token of the session alive, whichever comes first', async () => {
  const house = await houseWithSession()
  const refreshing = () => house.auth.refreshSession({ ...house.second, origin: ada.origin })

  const [refreshed] = await Promise.allSettled([refreshing(), house.revoke(house.second.refreshToken)])

  const successor = refreshed.status === 'fulfilled' ? refreshed.value : house.second
  await expect(house.verifier.verify(successor.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  const again = house.auth.refreshSession({ ...successor, origin: ada.origin })
  await expect(again).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
})

const strangers: [what: string, token: (house: House) => string | Promise<string>][] = [
  ['a token that is none', () => 'no.token.at-all'],
  ['an unknown refresh token', () => `lkr_${'A'.repeat(43)}`],
  ['an API credential', ({ credential }) => credential],
  ['a forged token', ({ second }) => `${second.accessToken.slice(0, -8)}AAAAAAAA`],
  [
    'a token of another issuer under the same secret',
    async () => {
      const elsewhere = await testHouse({ JWT_SECRET: secret, PUBLIC_URL: 'https://evil.example' })
      return (await elsewhere.auth.signUp(ada)).accessToken
    },
  ],
  [
    "a token with another user's session, by who holds the secret too",
    ({ second, other }) => resigned(second.accessToken, { sid: claimsOf(other.accessToken).sid }),
  ],
  [
    'a token of a session that nobody knows, by who holds the secret too',
    ({ second }) => resigned(second.accessToken, { sid: newId() }),
  ],
  [
    'an expired token',
    ({ second, clock }) => {
      clock.advance(86_400)
      return second.accessToken
    },
  ],
]

test.each(strangers)('revokeToken() of %s ends nothing, and leaves no line', async (_, tokenOf) => {
  const house = await houseWithSession({ JWT_SECRET: secret })
  const token = await tokenOf(house)
  const before = house.database.version()

  await house.revoke(token)

  expect(house.database.version()).toBe(before)
  expect(house.news()).toEqual([])
})

test('revokeToken() does the same work for every refresh token that is not good: one look-up [RFC7009-5]', async () => {
  const house = await houseWithSession()
  await house.revoke(house.second.accessToken)
  const database = openTestDatabase(house.databaseUrl)
  const { store, asked } = countingStore(database.store)
  const deps = { store, now: house.clock.now, newId, readAccessToken: fails, announceRevocations: fails }
  const api = { id: newId() as ApiCredentialId, name: 'tasks' }

  for (const token of [`lkr_${'A'.repeat(43)}`, house.tokens.refreshToken, house.second.refreshToken]) {
    await revokeToken(deps, { api, token, origin })
  }

  expect(asked).toEqual(['refreshTokens.findLive', 'refreshTokens.findLive', 'refreshTokens.findLive'])
})

const fails = () => Promise.reject(new Error('Nobody should ask for this'))

test('revokeToken() is undone where its line cannot be written', async () => {
  const house = await houseWithSession()
  house.database.breakWrites('insert on auth_events')

  await expect(house.revoke(house.second.accessToken)).rejects.toThrow('no room')

  await expect(house.verifier.verify(house.second.accessToken)).resolves.toBeDefined()
  expect(house.database.rows('select * from revocations')).toEqual([])
})

test('revokeToken() is heard by another process on the same database as a logout is', async () => {
  const house = await houseWithSession()
  const there = await testHouse({ DATABASE_URL: house.databaseUrl })
  await there.verifier.verify(house.second.accessToken)

  await house.revoke(house.second.refreshToken)
  await there.revocations.catchUp()

  await expect(there.verifier.verify(house.second.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})
