import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { apiHouse, withApi } from '../testing/api-house.ts'
import { claimsOf, resigned, secret } from '../testing/shared-secret.ts'
import { ada, callerOf, originAt } from '../testing/test-house.ts'

const day = 86_400

type House = Awaited<ReturnType<typeof houseWithToken>>

async function houseWithToken(settings: Record<string, string> = {}) {
  return withApi(await fileHouse({ JWT_SECRET: secret, ...settings }))
}

test('introspectToken() tells what is known of an access token, the account as it is now', async () => {
  const { auth, tokens } = await houseWithToken({ JWT_AUDIENCE: 'tasks' })

  const standing = await auth.introspectToken(tokens.accessToken)

  const { jti, sid, iat, exp } = claimsOf(tokens.accessToken)
  expect(standing).toStrictEqual({
    kind: 'access',
    userId: tokens.userId,
    sessionId: sid,
    email: ada.email,
    issuer: 'http://localhost:8000',
    audience: 'tasks',
    clientId: 'latchkey',
    tokenId: jti,
    issuedAt: iat,
    expiresAt: exp,
  })
})

test('introspectToken() tells what is known of a refresh token, and does not use it up', async () => {
  const { auth, tokens, clock } = await houseWithToken()

  const standing = await auth.introspectToken(tokens.refreshToken)

  expect(standing).toStrictEqual({
    kind: 'refresh',
    userId: tokens.userId,
    sessionId: claimsOf(tokens.accessToken).sid,
    email: ada.email,
    issuer: 'http://localhost:8000',
    audience: undefined,
    clientId: undefined,
    tokenId: undefined,
    issuedAt: clock.now() / 1000,
    expiresAt: clock.now() / 1000 + 30 * day,
  })
  await expect(auth.refreshSession({ refreshToken: tokens.refreshToken, origin: ada.origin })).resolves.toBeDefined()
})

const inactive: [what: string, token: (house: House) => string | Promise<string>][] = [
  ['a token without a signature', ({ tokens }) => `${tokens.accessToken.split('.').slice(0, 2).join('.')}.`],
  ['a token with another signature', ({ tokens }) => `${tokens.accessToken.slice(0, -8)}AAAAAAAA`],
  [
    'a token under another secret',
    ({ tokens }) => resigned(tokens.accessToken, {}, 'another secret of 32 bytes and more'),
  ],
  ['a token of another issuer', ({ tokens }) => resigned(tokens.accessToken, { iss: 'https://evil.example' })],
  ['a token for another audience', ({ tokens }) => resigned(tokens.accessToken, { aud: 'mail' })],
  ['a token that is not valid yet', ({ tokens }) => resigned(tokens.accessToken, { nbf: 4_000_000_000 })],
  ['a token that expired', ({ tokens, clock }) => resigned(tokens.accessToken, { exp: clock.now() / 1000 })],
  [
    'a token of a session that there is not',
    ({ tokens }) => resigned(tokens.accessToken, { sid: crypto.randomUUID() }),
  ],
  [
    "a token with another user's session",
    async ({ auth, tokens }) => {
      const eve = await auth.signUp({ ...ada, email: 'eve@example.com' })
      return resigned(tokens.accessToken, { sid: claimsOf(eve.accessToken).sid })
    },
  ],
  [
    'a token of a session that was ended',
    async (house) => {
      const caller = await callerOf(house, house.tokens.accessToken)
      await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
      return house.tokens.accessToken
    },
  ],
  [
    'a token of a session whose end the database alone knows yet',
    ({ database, tokens }) => {
      database.run('update sessions set revoked_at = 1')
      return tokens.accessToken
    },
  ],
  [
    'a token of an account that the database alone knows to be disabled',
    ({ database, tokens }) => {
      database.run('update users set is_active = 0')
      return tokens.accessToken
    },
  ],
]

test.each(inactive)('introspectToken() says nothing of %s [RFC7662-4a]', async (_, tokenOf) => {
  const house = await houseWithToken()
  const token = await tokenOf(house)

  const standing = await house.auth.introspectToken(token)

  expect(standing).toBeUndefined()
})

const deadRefreshTokens: [what: string, kill: (house: House) => unknown][] = [
  ['that was used, within the grace too', ({ auth, tokens }) => auth.refreshSession({ ...tokens, origin: ada.origin })],
  ['that is too old', ({ clock }) => clock.advance(10 * day)],
  [
    'of a session that was ended',
    async (house) =>
      house.auth.logOut({
        caller: await callerOf(house, house.tokens.accessToken),
        scope: 'global',
        origin: ada.origin,
      }),
  ],
  [
    'of a disabled account',
    ({ auth }) => auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: originAt('local') }),
  ],
]

test.each(deadRefreshTokens)('introspectToken() says nothing of a refresh token %s', async (_, kill) => {
  const house = await houseWithToken({ REFRESH_TOKEN_TTL: '10d' })
  await kill(house)

  const standing = await house.auth.introspectToken(house.tokens.refreshToken)

  expect(standing).toBeUndefined()
})

test.each([
  '',
  'x',
  'a.b.c',
  `lkr_${'A'.repeat(43)}`,
  `lkr_${'A'.repeat(42)}`,
  '\u0000',
  `' or '1'='1`,
  'ü'.repeat(4000),
])('introspectToken() says nothing of %j', async (token) => {
  const { auth } = await apiHouse()

  const standing = await auth.introspectToken(token)

  expect(standing).toBeUndefined()
})

test('introspectToken() says nothing of an API credential: it is no token', async () => {
  const { auth, credential } = await apiHouse()

  const standing = await auth.introspectToken(credential)

  expect(standing).toBeUndefined()
})

test('introspectToken() fails where the database does not answer: that is no word on the token', async () => {
  const { auth, database, clock, tokens } = await houseWithToken()
  database.run('alter table revocations rename to revocations_gone')
  clock.advance(60)

  const asking = auth.introspectToken(tokens.accessToken)

  await expect(asking).rejects.toMatchObject({ code: 'REVOCATIONS_STALE' })
})
