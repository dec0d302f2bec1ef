import { expect, test } from 'vitest'
import { ada, bob, callerOf, testHouse } from '../../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const jwt = /^[\w-]+\.[\w-]+\.[\w-]+$/

async function houseWithAda(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  const tokens = (await house.request('/api/auth/signup', { body: credentials })).json()
  return { ...house, tokens }
}

const tokenResponse = {
  user_id: expect.stringMatching(uuid),
  email: ada.email,
  token: expect.stringMatching(jwt),
  access_token: expect.stringMatching(jwt),
  token_type: 'Bearer',
  expires_in: 86_400,
  refresh_token: expect.stringMatching(/^lkr_[\w-]{43}$/),
}

test('POST /api/auth/signup answers 201 with tokens, and nothing else', async () => {
  const { request } = await testHouse()

  const answer = await request('/api/auth/signup', { body: credentials })

  expect(answer.status).toBe(201)
  expect(answer.json()).toStrictEqual(tokenResponse)
  expect(answer.json().token).toBe(answer.json().access_token)
})

test('POST /api/auth/login answers 200 with tokens of the same user', async () => {
  const { request, tokens } = await houseWithAda()

  const answer = await request('/api/auth/login', { body: credentials })

  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ ...tokenResponse, user_id: tokens.user_id })
})

test('POST /api/auth/refresh answers 200 with new tokens of the same user', async () => {
  const { request, tokens } = await houseWithAda()

  const answer = await request('/api/auth/refresh', { body: { refresh_token: tokens.refresh_token } })

  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ ...tokenResponse, user_id: tokens.user_id })
  expect(answer.json().refresh_token).not.toBe(tokens.refresh_token)
})

test('POST /api/auth/logout answers 200 and the token is refused from then on [ASVS 7.4.1]', async () => {
  const { request, tokens } = await houseWithAda()

  const answer = await request('/api/auth/logout', { method: 'POST', token: tokens.token })

  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ message: 'Logged out successfully' })
  const afterwards = await request('/api/auth/me', { token: tokens.token })
  expect(afterwards.json().error.code).toBe('AUTH_REVOKED')
})

test.each([
  ['local', false, true],
  ['global', false, false],
  ['others', true, false],
])('POST /api/auth/logout takes the scope %s', async (scope, isOwnAlive, isOtherAlive) => {
  const { request, tokens } = await houseWithAda()
  const other = (await request('/api/auth/login', { body: credentials })).json()

  const answer = await request('/api/auth/logout', { body: { scope }, token: tokens.token })

  expect(answer.status).toBe(200)
  expect((await request('/api/auth/me', { token: tokens.token })).status).toBe(isOwnAlive ? 200 : 401)
  expect((await request('/api/auth/me', { token: other.token })).status).toBe(isOtherAlive ? 200 : 401)
})

test('POST /api/auth/logout refuses a scope that is none, and ends nothing', async () => {
  const { request, tokens } = await houseWithAda()

  const answer = await request('/api/auth/logout', { body: { scope: 'everywhere' }, token: tokens.token })

  expect(answer.status).toBe(400)
  expect(answer.json().error.details).toEqual([{ field: 'scope', issue: expect.any(String) }])
  expect((await request('/api/auth/me', { token: tokens.token })).status).toBe(200)
})

test('GET /api/auth/me answers the profile and nothing else [ASVS 14.2.6]', async () => {
  const { request, tokens, clock } = await houseWithAda()

  const answer = await request('/api/auth/me', { token: tokens.token })

  const now = new Date(clock.now()).toISOString()
  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ user_id: tokens.user_id, email: ada.email, created_at: now, last_login: now })
})

test('GET /api/auth/events answers the own log, newest first, with a cursor to go on', async () => {
  const { request, tokens, clock } = await houseWithAda()
  clock.advance(1)
  const headers = { 'user-agent': 'curl/8' }
  await request('/api/auth/login', { body: { ...credentials, password: 'Wrong1234' }, headers, address: '203.0.113.7' })
  await request('/api/auth/login', { body: credentials })

  const first = (await request('/api/auth/events?limit=2', { token: tokens.token })).json()
  const second = (
    await request(`/api/auth/events?limit=2&cursor=${first.meta.next_cursor}`, { token: tokens.token })
  ).json()

  expect(first.data.map(({ event_type }: { event_type: string }) => event_type)).toEqual(['login', 'login_failed'])
  expect(first.data[1]).toMatchObject({
    id: expect.stringMatching(uuid),
    event_type: 'login_failed',
    ip_address: '203.0.113.7',
    user_agent: 'curl/8',
    success: false,
    failure_reason: 'wrong_password',
    created_at: new Date(clock.now()).toISOString(),
  })
  expect(first.meta).toStrictEqual({ timestamp: new Date(clock.now()).toISOString(), next_cursor: first.data[1].id })
  expect(second.data.map(({ event_type }: { event_type: string }) => event_type)).toEqual(['signup'])
  expect(second.meta.next_cursor).toBeNull()
})

test.each([
  ['limit=0', 'limit'],
  ['limit=101', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=1e1', 'limit'],
  ['limit=ten', 'limit'],
  ['limit=', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['cursor=', 'cursor'],
  ['cursor=1', 'cursor'],
  [`cursor=' or 1=1 --`, 'cursor'],
  ['cursor=00000000-0000-4000-8000-000000000000', 'cursor'],
])('GET /api/auth/events refuses ?%s and names the parameter [ASVS 1.4.2, ASVS 15.3.7]', async (query, field) => {
  const { request, tokens } = await houseWithAda()

  const answer = await request(`/api/auth/events?${query}`, { token: tokens.token })

  expect(answer.status).toBe(400)
  expect(answer.json().error).toMatchObject({
    code: 'VALIDATION_ERROR',
    details: [{ field, issue: expect.any(String) }],
  })
})

test('GET /api/auth/events never shows the log of another user [ASVS 8.4.1]', async () => {
  const { request, tokens } = await houseWithAda()
  const other = (await request('/api/auth/signup', { body: { ...credentials, email: bob.email } })).json()

  const answer = await request('/api/auth/events', { token: other.token })

  expect(answer.json().data).toHaveLength(1)
  expect(answer.text).not.toContain(tokens.user_id)
})

test('unknown members of a body are ignored and change nothing [ASVS 8.2.3, ASVS 15.3.3]', async () => {
  const { request } = await testHouse()
  const more = {
    id: '00000000-0000-4000-8000-000000000000',
    user_id: '00000000-0000-4000-8000-000000000000',
    role: 'admin',
    is_active: false,
    created_at: '2000-01-01T00:00:00.000Z',
    password_hash: 'x',
    full_name: 'Ada Lovelace',
  }

  const answer = await request('/api/auth/signup', { body: { ...credentials, ...more } })

  expect(answer.status).toBe(201)
  expect(answer.json()).toStrictEqual(tokenResponse)
  expect(answer.json().user_id).not.toBe(more.user_id)
  const profile = await request('/api/auth/me', { token: answer.json().token })
  expect(profile.json().created_at).not.toBe(more.created_at)
})

test('the session presented at a login is not taken over: a new one begins', async () => {
  const house = await houseWithAda()

  const answer = await house.request('/api/auth/login', { body: credentials, token: house.tokens.token })

  const before = await callerOf(house, house.tokens.token)
  const after = await callerOf(house, answer.json().token)
  expect(after.sessionId).not.toBe(before.sessionId)
})

test('GET /.well-known/jwks.json publishes keys that others may keep for five minutes', async () => {
  const { request } = await houseWithAda()

  const answer = await request('/.well-known/jwks.json')

  expect(answer.json()).toStrictEqual({
    keys: [
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        kid: expect.any(String),
        use: 'sig',
        alg: 'ES256',
      },
    ],
  })
  expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
})

test('GET /.well-known/jwks.json is empty in shared-secret mode', async () => {
  const { request } = await testHouse({ JWT_SECRET: 'a shared secret of more than 32 bytes' })

  const answer = await request('/.well-known/jwks.json')

  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ keys: [] })
})

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())

test('a token of shared-secret mode is an HS256 token of type at+jwt with the claims of the contract', async () => {
  const { tokens, clock } = await houseWithAda({ JWT_SECRET: 'a shared secret of more than 32 bytes' })

  const now = clock.now() / 1000
  expect(headerOf(tokens.token)).toStrictEqual({ alg: 'HS256', typ: 'at+jwt' })
  expect(claimsOf(tokens.token)).toStrictEqual({
    iss: 'http://localhost:8000',
    sub: tokens.user_id,
    user_id: tokens.user_id,
    email: ada.email,
    sid: expect.stringMatching(uuid),
    jti: expect.stringMatching(uuid),
    iat: now,
    exp: now + 86_400,
    status: { status_list: { idx: expect.any(Number), uri: 'http://localhost:8000/.well-known/status-lists/0' } },
  })
})

test('a token names the audience that JWT_AUDIENCE names, and the server takes it', async () => {
  const { request, tokens } = await houseWithAda({ JWT_AUDIENCE: 'tasks' })

  const answer = await request('/api/auth/me', { token: tokens.token })

  expect(claimsOf(tokens.token).aud).toBe('tasks')
  expect(answer.status).toBe(200)
})

test('a token for another audience is refused', async () => {
  const secret = 'a shared secret of more than 32 bytes'
  const { tokens } = await houseWithAda({ JWT_SECRET: secret, JWT_AUDIENCE: 'tasks' })
  const { request } = await testHouse({ JWT_SECRET: secret, JWT_AUDIENCE: 'mail' })

  const answer = await request('/api/auth/me', { token: tokens.token })

  expect(answer.status).toBe(401)
})
