import { createVerifier } from '@latchkey/verify'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../src/config/load-config.ts'
import { isRefreshTokenShaped, newRefreshToken } from '../src/crypto/secrets.ts'
import { apiHouse } from '../src/testing/api-house.ts'
import { claimsOf } from '../src/testing/shared-secret.ts'
import { ada, bob, testHouse } from '../src/testing/test-house.ts'

type House = Awaited<ReturnType<typeof testHouse>>
type Issued = { user_id: string; token: string; refresh_token: string }

const { email, password } = ada
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())

/** Whatever an OAuth client would ask for more with. */
const wishes = { audience: 'admin', aud: 'admin', resource: 'https://admin.example', scope: 'admin', client_id: 'x' }

/** The answers of every route that issues tokens, to a client that asks for more than it is due. */
async function issueAll({ request }: Pick<House, 'request'>, more: object = wishes): Promise<Issued[]> {
  const ask = async (route: string, body: object) =>
    (await request(`/api/auth/${route}`, { body: { ...more, ...body } })).json()
  const signedUp = await ask('signup', { email, password })
  const loggedIn = await ask('login', { email, password })
  const refreshed = await ask('refresh', { refresh_token: loggedIn.refresh_token })
  return [signedUp, loggedIn, refreshed]
}

describe('with JWT_AUDIENCE', () => {
  const settings = { JWT_AUDIENCE: 'https://tasks.example' }

  test('every token bears this audience, and no request can ask for another [ASVS 9.2.4, RFC8725-3.9, RFC9068-3]', async () => {
    const house = await testHouse(settings)

    const issued = await issueAll(house)

    expect(issued.map(({ token }) => claimsOf(token).aud)).toEqual(Array(3).fill('https://tasks.example'))
  })

  test('a token has every claim of RFC 9068 [RFC9068-2.2]', async () => {
    const issued = await issueAll(await testHouse(settings))

    const demanded = ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti']
    const lacking = issued.map(({ token }) => demanded.filter((name) => claimsOf(token)[name] === undefined))
    expect(lacking).toEqual([[], [], []])
  })

  test('a query asks for no other audience either, and a body that asks twice gets no token [ASVS 9.2.4, RFC9068-3]', async () => {
    const { request } = await testHouse(settings)
    const body = JSON.stringify({ email, password })

    const asked = await request('/api/auth/signup?audience=admin&resource=https%3A%2F%2Fadmin.example', { body })
    const twice = await request('/api/auth/login', { body: body.replace('{', '{"resource": "a", "resource": "b", ') })

    expect(claimsOf(asked.json().token).aud).toBe('https://tasks.example')
    expect([twice.status, twice.json().error.code]).toEqual([400, 'VALIDATION_ERROR'])
  })

  test('an API takes its own tokens, and none of another audience or of none [ASVS 10.3.1, RFC8725-3.9, RFC9700-2.3]', async () => {
    const houses = [
      await testHouse(settings),
      await testHouse({ JWT_AUDIENCE: 'https://notes.example' }),
      await testHouse(),
    ]
    const keys = (await Promise.all(houses.map(({ request }) => request('/.well-known/jwks.json')))).flatMap(
      (answer) => answer.json().keys,
    )
    const tokens = await Promise.all(houses.map(async (house) => (await issueAll(house))[0]?.token ?? ''))
    const tasksApi = createVerifier({
      issuer: 'http://localhost:8000',
      audience: 'https://tasks.example',
      keys: { keys },
      revocations: 'off',
      now: houses[0]?.clock.now,
    })

    const verdicts = tokens.map((token) =>
      tasksApi.verify(token).then(
        () => 'taken',
        ({ code }) => code,
      ),
    )

    expect(await Promise.all(verdicts)).toEqual(['taken', 'AUTH_INVALID', 'AUTH_INVALID'])
  })
})

test('a refresh changes neither user, session, audience nor scope, whatever it asks for [RFC9700-4.14.2b]', async () => {
  const house = await testHouse({ JWT_AUDIENCE: 'https://tasks.example' })
  const { refreshToken, accessToken } = await house.auth.signUp(ada)
  const { userId } = await house.auth.signUp(bob)

  const body = { ...wishes, refresh_token: refreshToken, user_id: userId, sub: userId, sid: userId }
  const answer = await house.request('/api/auth/refresh', { body })

  const { user_id, sub, sid, aud, client_id, email, ...rest } = claimsOf(answer.json().token)
  expect({ user_id, sub, sid, aud, client_id, email }).toEqual({ ...claimsOf(accessToken), ...unchanging })
  expect(rest).not.toHaveProperty('scope')
})

/** What a refresh makes anew. */
const unchanging = { iss: undefined, jti: undefined, iat: undefined, exp: undefined, status: undefined }

test('no token bears a scope, and introspection tells of none: none has a meaning yet [RFC9068-2.2.3]', async () => {
  const house = await apiHouse()
  const [, , refreshed] = await issueAll(await testHouse())

  const told = await house.introspect(house.tokens.accessToken)

  expect(claimsOf(refreshed?.token ?? '')).not.toHaveProperty('scope')
  expect(told.json()).not.toHaveProperty('scope')
})

test('with a short ACCESS_TOKEN_TTL and JWT_AUDIENCE a token is short-lived and for one audience [RFC6750-5.3]', async () => {
  const house = await testHouse({ ACCESS_TOKEN_TTL: '5m', JWT_AUDIENCE: 'https://tasks.example' })

  const issued = await issueAll(house)

  const claims = issued.map(({ token }) => claimsOf(token))
  expect(claims.map(({ exp, iat }) => exp - iat)).toEqual([300, 300, 300])
  expect(claims.map(({ aud }) => aud)).toEqual(Array(3).fill('https://tasks.example'))
})

test('iss is the issuer as text, letter for letter [RFC7519-4.1.1]', async () => {
  const house = await testHouse({ PUBLIC_URL: 'https://Auth.example.com/Latchkey' })

  const issued = await issueAll(house)

  expect(issued.map(({ token }) => claimsOf(token).iss)).toEqual(Array(3).fill('https://Auth.example.com/Latchkey'))
})

test('sub is text that is the same at every login of a user and of nobody else, also of one who came before [RFC7519-4.1.2, ASVS 10.3.3]', async () => {
  const house = await testHouse()
  const [signedUp, loggedIn, refreshed] = await issueAll(house)
  await house.auth.setUserActive({ emailOrId: email, isActive: false, origin: ada.origin })

  const again = await house.request('/api/auth/signup', { body: { email, password } })
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, at) => house.auth.signUp({ ...ada, email: `other-${at}@example.com` })),
  )

  const subjects = [signedUp, loggedIn, refreshed].map((issued) => claimsOf(issued?.token ?? '').sub)
  expect(subjects).toEqual(Array(3).fill(signedUp?.user_id))
  expect(again.status).toBe(409)
  expect(new Set([...others.map(({ accessToken }) => claimsOf(accessToken).sub), subjects[0]]).size).toBe(21)
})

test('one sub at two issuers is two users: neither takes the token of the other [ASVS 10.3.3]', async () => {
  const [here, there] = [await testHouse(), await testHouse({ PUBLIC_URL: 'https://other.example' })]
  const { accessToken } = await there.auth.signUp(ada)

  const answer = await here.request('/api/auth/me', { token: accessToken })

  expect([answer.status, answer.json().error.code]).toEqual([401, 'AUTH_INVALID'])
})

test.each(['none', 'None', 'NONE', 'nOnE', 'HS256', 'ES256,none'])(
  'JWT_ALGORITHM=%s stops the start, so nothing signs by it [RFC8725-3.2b]',
  (algorithm) => {
    expect(() => loadConfig({ JWT_ALGORITHM: algorithm })).toThrow('JWT_ALGORITHM')
  },
)

test.each([
  {},
  { JWT_ALGORITHM: 'EdDSA' },
  { JWT_ALGORITHM: 'RS256' },
  { JWT_SECRET: 'a secret of 32 bytes or more ...' },
])('every token of a server with %j is signed, by an algorithm that is named [RFC8725-3.2b]', async (settings) => {
  const house = await testHouse(settings)

  const issued = await issueAll(house)

  const expected = settings.JWT_SECRET ? 'HS256' : (settings.JWT_ALGORITHM ?? 'ES256')
  expect(issued.map(({ token }) => headerOf(token).alg)).toEqual([expected, expected, expected])
  expect(issued.every(({ token }) => (token.split('.')[2] ?? '').length >= 43)).toBe(true)
})

/** One of each kind of token, and each place that takes one. */
async function kindsAndPlaces() {
  const house = await apiHouse()
  const { credential, tokens, request, send, introspect } = house
  const list = await request('/.well-known/status-lists/0')
  const kinds = {
    'access token': tokens.accessToken,
    'refresh token': tokens.refreshToken,
    'API credential': credential,
    'status list token': list.text,
  }
  const places = {
    'Authorization of a user': async (token: string) => (await request('/api/auth/me', { token })).status === 200,
    'Authorization of an API': async (token: string) =>
      (await send('/api/auth/introspect', { token: 'x' }, { credential: token })).status === 200,
    'introspection of an access token': async (token: string) =>
      (await introspect(token)).json().token_type === 'Bearer',
    'introspection of a refresh token': async (token: string) =>
      (await introspect(token)).json().token_type === 'refresh_token',
    refresh: async (token: string) =>
      (await request('/api/auth/refresh', { body: { refresh_token: token } })).status === 200,
  }
  return { kinds, places }
}

test('a token of one kind is refused wherever another is due [RFC8725-3.12]', async () => {
  const { kinds, places } = await kindsAndPlaces()

  const taken: string[] = []
  for (const [kind, token] of Object.entries(kinds)) {
    for (const [place, takes] of Object.entries(places)) if (await takes(token)) taken.push(`${kind} at ${place}`)
  }

  expect(taken).toEqual([
    'access token at Authorization of a user',
    'access token at introspection of an access token',
    'refresh token at introspection of a refresh token',
    'refresh token at refresh',
    'API credential at Authorization of an API',
  ])
})

test('the two kinds that are JWTs have types of their own, and the others are no JWTs [RFC8725-3.11]', async () => {
  const { kinds } = await kindsAndPlaces()

  const types = Object.values(kinds).map((token) => (token.includes('.') ? headerOf(token).typ : 'no JWT'))

  expect(types).toEqual(['at+jwt', 'no JWT', 'no JWT', 'statuslist+jwt'])
})

test('a refresh token says nothing, and one that differs in any character is refused and ends nothing [RFC9700-4.14.2d]', async () => {
  const { auth, request } = await testHouse()
  const { refreshToken, userId, accessToken } = await auth.signUp(ada)
  const refresh = async (token: string) =>
    (await request('/api/auth/refresh', { body: { refresh_token: token } })).status
  const guesses = [...refreshToken].map(
    (character, at) => refreshToken.slice(0, at) + (character === 'A' ? 'B' : 'A') + refreshToken.slice(at + 1),
  )

  const verdicts = await Promise.all(guesses.map(refresh))

  expect([...new Set(verdicts)]).toEqual([401])
  expect(await refresh(refreshToken)).toBe(200)
  const bytes = Buffer.from(refreshToken.replace(/^\w+?_/, ''), 'base64url').toString('latin1')
  for (const fact of [userId, claimsOf(accessToken).sid, ada.email]) expect(refreshToken + bytes).not.toContain(fact)
})

test('POST /api/auth/revoke is where the metadata names it, over TLS where the server is [RFC7009-2]', async () => {
  const house = await apiHouse({ PUBLIC_URL: 'https://auth.example.com' })
  const { revocation_endpoint: url } = (await house.request('/.well-known/oauth-authorization-server')).json()

  const answer = await house.send(
    new URL(url).pathname,
    { token: house.tokens.accessToken },
    { credential: house.credential },
  )

  expect(url).toBe('https://auth.example.com/api/auth/revoke')
  expect(answer.status).toBe(200)
  const refused = await house.request('/api/auth/me', { token: house.tokens.accessToken })
  expect(refused.json().error.code).toBe('AUTH_REVOKED')
})

test('the secrets of a session are made at its login, have 256 random bits, and die at its logout and by age [NIST63B4-5.1a]', async () => {
  const { auth, clock, verifier, request } = await testHouse({ REFRESH_TOKEN_TTL: '2d' })
  const [ended, idle] = [await auth.signUp(ada), await auth.logIn(ada)]
  const secretOf = (token: string) => Buffer.from(token.replace(/^lkr_/, ''), 'base64url')
  const refresh = (refreshToken: string) =>
    auth.refreshSession({ refreshToken, origin: ada.origin }).then(
      () => 'taken',
      ({ code }) => code,
    )

  await request('/api/auth/logout', { method: 'POST', token: ended.accessToken })
  const loggedOut = [
    await refresh(ended.refreshToken),
    (await request('/api/auth/me', { token: ended.accessToken })).status,
  ]
  clock.advance(2 * 86_400)
  const tooOld = [await refresh(idle.refreshToken), (await request('/api/auth/me', { token: idle.accessToken })).status]

  expect([ended, idle].map(({ refreshToken }) => secretOf(refreshToken).length)).toEqual([32, 32])
  expect(ended.refreshToken).not.toBe(idle.refreshToken)
  expect([loggedOut, tooOld]).toEqual(Array(2).fill(['AUTH_REFRESH_INVALID', 401]))
  await expect(verifier.verify(idle.accessToken)).rejects.toMatchObject({ code: 'AUTH_EXPIRED' })
})

test('100,000 refresh tokens that are made while every hashing thread works are all good and all different [ASVS 11.5.2]', async () => {
  const { auth } = await testHouse({ BCRYPT_COST: '8', HASH_MAX_WAIT: '30s' })
  const storm = Array.from({ length: 16 }, (_, at) => auth.signUp({ ...ada, email: `storm-${at}@example.com` }))

  const made = new Set<string>()
  for (let batch = 0; batch < 100; batch += 1) {
    for (let at = 0; at < 1_000; at += 1) made.add(newRefreshToken())
    await new Promise(setImmediate)
  }

  expect(made.size).toBe(100_000)
  expect([...made].every(isRefreshTokenShaped)).toBe(true)
  await expect(Promise.all(storm)).resolves.toHaveLength(16)
})
