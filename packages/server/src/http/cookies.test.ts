import { expect, test } from 'vitest'
import { ada, testHouse } from '../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }
const https = { PUBLIC_URL: 'https://auth.example.com' }

/** A house, somebody signed in, and their cookies as a browser would send them. */
async function browser(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  const answer = await house.request('/api/auth/signup', { body: credentials })
  const [access = '', refresh = ''] = answer.headers.getSetCookie().map((line) => line.split(';')[0] ?? '')
  return { ...house, tokens: answer.json(), set: answer.headers.getSetCookie(), access, refresh }
}

const attributes = (line: string | undefined) => line?.split('; ').slice(1).toSorted()

test('over http both cookies are HttpOnly and SameSite=Strict, and the refresh token is for its path alone [ASVS 3.3.2]', async () => {
  const { set, tokens } = await browser()

  expect(set).toHaveLength(3)
  expect(set[0]).toMatch(new RegExp(`^auth-token=${tokens.token};`))
  expect(attributes(set[0])).toEqual(['HttpOnly', 'Max-Age=86400', 'Path=/', 'SameSite=Strict'])
  expect(set[1]).toMatch(new RegExp(`^refresh-token=${tokens.refresh_token};`))
  expect(attributes(set[1])).toEqual(['HttpOnly', 'Max-Age=2592000', 'Path=/api/auth/refresh', 'SameSite=Strict'])
})

test('over https both cookies are Secure and bear a prefix [ASVS 3.3.1, ASVS 3.3.3, NIST63B4-5.1.1]', async () => {
  const { set } = await browser(https)

  expect(set[0]).toMatch(/^__Host-auth-token=/)
  expect(attributes(set[0])).toEqual(['HttpOnly', 'Max-Age=86400', 'Path=/', 'SameSite=Strict', 'Secure'])
  expect(set[1]).toMatch(/^__Secure-refresh-token=/)
  expect(attributes(set[1])).toContain('Secure')
})

test('behind a trusted proxy that speaks https the cookies are Secure too', async () => {
  const { request } = await testHouse({ TRUSTED_PROXIES: '10.0.0.0/8' })
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' }

  const answer = await request('/api/auth/signup', { body: credentials, headers, address: '10.0.0.1' })

  expect(answer.headers.getSetCookie()[0]).toMatch(/^__Host-auth-token=.*Secure/)
})

test('no cookie exceeds 4096 bytes, however long the email [ASVS 3.3.5]', async () => {
  const { request } = await testHouse({ ...https, JWT_ALGORITHM: 'RS256' })
  const email = `${'a'.repeat(240)}@example.com`

  const answer = await request('/api/auth/signup', { body: { ...credentials, email } })

  expect(answer.status).toBe(201)
  for (const line of answer.headers.getSetCookie()) expect(line.split(';')[0]?.length).toBeLessThanOrEqual(4096)
})

test('login and refresh set the cookies anew', async () => {
  const { request, tokens } = await browser()

  const login = await request('/api/auth/login', { body: credentials })
  const refresh = await request('/api/auth/refresh', { body: { refresh_token: tokens.refresh_token } })

  expect(login.headers.getSetCookie()[0]).toContain(login.json().token)
  expect(refresh.headers.getSetCookie()[1]).toContain(refresh.json().refresh_token)
})

test.each([{}, https])(
  'logout clears the cookies of both tokens, by name, path and attributes, and leaves the device known, with %j',
  async (settings) => {
    const { request, tokens, set: all } = await browser(settings)
    const set = all.slice(0, 2)

    const answer = await request('/api/auth/logout', { method: 'POST', token: tokens.token })

    const cleared = answer.headers.getSetCookie()
    expect(cleared.map((line) => line.split('=')[0])).toEqual(set.map((line) => line.split('=')[0]))
    expect(cleared.map((line) => line.split(';')[0]?.split('=')[1])).toEqual(['', ''])
    const withoutAge = (line: string) => attributes(line.replace(/Max-Age=\d+/, 'Max-Age=0'))
    expect(cleared.map(attributes)).toEqual(set.map(withoutAge))
  },
)

test('logout of all other sessions leaves the own cookies', async () => {
  const { request, tokens } = await browser()

  const answer = await request('/api/auth/logout', { body: { scope: 'others' }, token: tokens.token })

  expect(answer.headers.getSetCookie()).toEqual([])
})

test('an answer that refuses sets no cookie', async () => {
  const { request } = await browser()

  const answer = await request('/api/auth/login', { body: { ...credentials, password: 'WrongPass123' } })

  expect(answer.headers.getSetCookie()).toEqual([])
})

test.each([{}, https])('the cookie opens the own profile where no header is sent, with %j', async (settings) => {
  const { request, access, tokens } = await browser(settings)

  const answer = await request('/api/auth/me', { headers: { cookie: access } })

  expect(answer.json().user_id).toBe(tokens.user_id)
})

test('a cookie of another name opens nothing: over https only the one with the prefix counts', async () => {
  const { request, tokens } = await browser(https)

  const answer = await request('/api/auth/me', { headers: { cookie: `auth-token=${tokens.token}` } })

  expect(answer.json().error.code).toBe('AUTH_MISSING')
})

test.each(['Bearer wrong', 'Basic YTpi', ''])(
  'an Authorization header %j beside a good cookie is what counts',
  async (authorization) => {
    const { request, access } = await browser()

    const answer = await request('/api/auth/me', { headers: { cookie: access, authorization } })

    expect(answer.status).toBe(401)
  },
)

test('a good Authorization header beside a bad cookie is what counts', async () => {
  const { request, tokens } = await browser()

  const answer = await request('/api/auth/me', { headers: { cookie: 'auth-token=wrong' }, token: tokens.token })

  expect(answer.status).toBe(200)
})

test.each<[string, Record<string, string>]>([
  ['the Origin of another site', { origin: 'https://evil.example' }],
  ['an Origin that only begins like ours', { origin: 'http://localhost:8000.evil.example' }],
  ['an Origin with another port', { origin: 'http://localhost:8001' }],
  ['an Origin of null', { origin: 'null' }],
  ['a Sec-Fetch-Site of cross-site', { 'sec-fetch-site': 'cross-site' }],
  ['a Sec-Fetch-Site that nobody knows', { 'sec-fetch-site': 'somewhere' }],
])(
  'an unsafe request by cookie with %s is refused, and nothing is done [ASVS 3.5.1, NIST63B4-5.1c]',
  async (_, headers) => {
    const { request, access, refresh } = await browser()

    const logout = await request('/api/auth/logout', { method: 'POST', headers: { cookie: access, ...headers } })
    const rotation = await request('/api/auth/refresh', { method: 'POST', headers: { cookie: refresh, ...headers } })

    for (const answer of [logout, rotation]) {
      expect(answer.status).toBe(403)
      expect(answer.json().error).toStrictEqual({ code: 'AUTH_FORBIDDEN', message: 'Access denied', details: null })
      expect(answer.headers.getSetCookie()).toEqual([])
    }
    expect((await request('/api/auth/me', { headers: { cookie: access } })).status).toBe(200)
  },
)

test.each<[string, Record<string, string>]>([
  ['its own Origin', { origin: 'http://localhost:8000' }],
  ['a Sec-Fetch-Site of same-origin', { 'sec-fetch-site': 'same-origin' }],
  ['neither, as programs send it', {}],
  ['an Origin that CORS_ORIGINS names', { origin: 'https://app.example.com' }],
])('an unsafe request by cookie with %s is carried out', async (_, headers) => {
  const { request, access } = await browser({ CORS_ORIGINS: 'https://app.example.com' })

  const answer = await request('/api/auth/logout', { method: 'POST', headers: { cookie: access, ...headers } })

  expect(answer.status).toBe(200)
})

test('an unsafe request with an Authorization header needs no Origin of ours: no browser sends that by itself', async () => {
  const { request, tokens } = await browser()
  const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }

  const answer = await request('/api/auth/logout', { method: 'POST', token: tokens.token, headers })

  expect(answer.status).toBe(200)
})

test('POST /api/auth/refresh takes the refresh token from its cookie', async () => {
  const { request, refresh, tokens } = await browser()

  const answer = await request('/api/auth/refresh', { method: 'POST', headers: { cookie: refresh } })

  expect(answer.status).toBe(200)
  expect(answer.json().refresh_token).not.toBe(tokens.refresh_token)
})

test('POST /api/auth/refresh takes the token of the body before that of the cookie', async () => {
  const { request, refresh } = await browser()

  const answer = await request('/api/auth/refresh', { body: { refresh_token: 'wrong' }, headers: { cookie: refresh } })

  expect(answer.json().error.code).toBe('AUTH_REFRESH_INVALID')
})

test('the refresh token opens nothing in place of an access token', async () => {
  const { request, tokens } = await browser()

  const answer = await request('/api/auth/me', { headers: { cookie: `auth-token=${tokens.refresh_token}` } })

  expect(answer.status).toBe(401)
})

test.each(['GET', 'HEAD', 'OPTIONS'])(
  '%s changes nothing on any path, and leaves the session as it was [ASVS 3.5.3]',
  async (method) => {
    const { request, access, refresh } = await browser()
    const cookie = `${access}; ${refresh}`

    for (const path of ['/api/auth/logout', '/api/auth/refresh', '/api/auth/login', '/api/auth/signup']) {
      expect((await request(path, { method, headers: { cookie } })).status).toBe(405)
    }

    expect((await request('/api/auth/me', { headers: { cookie } })).status).toBe(200)
  },
)
