import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { assemble } from '../cli/assemble.ts'
import { emptyDatabase } from '../testing/test-database.ts'
import { ada, testHouse } from '../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }

type Row = {
  path: string
  options: { method?: string; body?: unknown; headers?: Record<string, string> }
  status: number
}

/** One of every kind of answer that a stranger can get. */
const anything: Row[] = [
  { path: '/healthz', options: {}, status: 200 },
  { path: '/readyz', options: {}, status: 200 },
  { path: '/openapi.json', options: {}, status: 200 },
  { path: '/docs', options: {}, status: 200 },
  { path: '/docs/docs.js', options: {}, status: 200 },
  { path: '/metrics', options: {}, status: 200 },
  { path: '/.well-known/jwks.json', options: {}, status: 200 },
  { path: '/.well-known/oauth-authorization-server', options: {}, status: 200 },
  { path: '/api/auth/introspect', options: { method: 'POST' }, status: 401 },
  { path: '/api/auth/revoke', options: { method: 'POST' }, status: 401 },
  { path: '/api/auth/signup', options: { body: credentials }, status: 201 },
  { path: '/api/auth/login', options: { body: '{' }, status: 400 },
  { path: '/api/auth/me', options: {}, status: 401 },
  { path: '/nothing', options: {}, status: 404 },
  { path: '/api/auth/login', options: { method: 'PUT' }, status: 405 },
  { path: '/api/auth/login', options: { body: 'x', headers: { 'content-type': 'text/plain' } }, status: 415 },
]

test.each(anything)(
  '$path answers $status with the headers that keep browsers out [ASVS 3.2.1, ASVS 3.4.3, ASVS 3.4.4, ASVS 3.4.5, ASVS 3.4.6, ASVS 4.1.1, ASVS 16.2.2]',
  async ({ path, options, status }) => {
    const { request } = await testHouse()

    const answer = await request(path, options)

    expect(answer.status).toBe(status)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.get('x-frame-options')).toBe('DENY')
    const policy = answer.headers.get('content-security-policy')
    for (const rule of ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(rule)
    }
    expect(answer.headers.get('content-type')).toMatch(/; charset=utf-8/)
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.headers.has('strict-transport-security')).toBe(false)
    expect(answer.headers.has('server')).toBe(false)
  },
)

test.each(anything.filter(({ path }) => !path.startsWith('/.well-known/')))(
  '$path answers $status for no cache and no other site [ASVS 3.5.8, ASVS 14.2.2, ASVS 14.3.2]',
  async ({ path, options }) => {
    const { request } = await testHouse()

    const answer = await request(path, options)

    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin')
  },
)

test.each(anything)(
  '$path answers $status with Strict-Transport-Security over https [ASVS 3.4.1]',
  async ({ path, options }) => {
    const { request } = await testHouse({ PUBLIC_URL: 'https://auth.example.com' })

    const answer = await request(path, options)

    expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains')
  },
)

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

const allowed: [path: string, methods: string[]][] = [
  ['/api/auth/signup', ['POST']],
  ['/api/auth/login', ['POST']],
  ['/api/auth/refresh', ['POST']],
  ['/api/auth/logout', ['POST']],
  ['/api/auth/me', ['GET', 'HEAD']],
  ['/api/auth/events', ['GET', 'HEAD']],
  ['/api/auth/password', ['POST']],
  ['/api/auth/sessions', ['GET', 'HEAD']],
  ['/api/auth/sessions/00000000-0000-4000-8000-000000000000', ['DELETE']],
  ['/api/auth/revocations', ['GET', 'HEAD']],
  ['/api/auth/introspect', ['POST']],
  ['/api/auth/revoke', ['POST']],
  ['/.well-known/jwks.json', ['GET', 'HEAD']],
  ['/.well-known/oauth-authorization-server', ['GET', 'HEAD']],
  ['/.well-known/status-lists', ['GET', 'HEAD']],
  ['/healthz', ['GET', 'HEAD']],
  ['/readyz', ['GET', 'HEAD']],
  ['/metrics', ['GET', 'HEAD']],
  ['/openapi.json', ['GET', 'HEAD']],
  ['/docs', ['GET', 'HEAD']],
]

test.each(allowed)('%s answers 405 to every method but %j, and says so [ASVS 4.1.4]', async (path, own) => {
  const { request } = await testHouse()

  for (const method of methods.filter((one) => !own.includes(one))) {
    const answer = await request(path, { method })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(own.join(', '))
  }
  for (const method of own.filter((one) => path !== '/api/auth/revocations' || one === 'HEAD')) {
    const answer = await request(path, { method })
    expect([404, 405]).not.toContain(answer.status)
  }
})

test.each([
  '/',
  '/api',
  '/api/auth',
  '/api/auth/me/',
  '/api/auth/me/x',
  '/api/auth/sessions/',
  '/api/auth/sessions/x/y',
  '/api/auth/%6de',
  '/.env',
  '/.git/config',
  '/docs/../package.json',
  '/docs/package.json',
  '/favicon.ico',
])('%s answers 404 in JSON, to whatever method [ASVS 14.2.5]', async (path) => {
  const { request } = await testHouse()

  for (const method of methods.filter((one) => one !== 'HEAD')) {
    const answer = await request(path, { method })
    expect(answer.status).toBe(404)
    expect(answer.json().error.code).toBe('NOT_FOUND')
    expect(answer.headers.has('allow')).toBe(false)
  }
})

test('HEAD answers as GET does, without a body', async () => {
  const { request } = await testHouse()

  const answer = await request('/healthz', { method: 'HEAD' })

  expect(answer.status).toBe(200)
  expect(answer.text).toBe('')
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
})

test('without CORS_ORIGINS no answer allows another origin anything [ASVS 3.4.2]', async () => {
  const { request } = await testHouse()
  const headers = { origin: 'https://app.example.com', 'access-control-request-method': 'POST' }

  const answer = await request('/api/auth/login', { body: credentials, headers })
  const preflight = await request('/api/auth/login', { method: 'OPTIONS', headers })

  for (const { headers: given } of [answer, preflight]) {
    expect([...given.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
  }
})

const cors = { CORS_ORIGINS: 'https://app.example.com, http://localhost:5173' }

test.each(['https://app.example.com', 'http://localhost:5173'])(
  'the origin %s that CORS_ORIGINS names is allowed, by name and with cookies [ASVS 3.4.2]',
  async (origin) => {
    const { request } = await testHouse(cors)

    const answer = await request('/api/auth/login', { body: credentials, headers: { origin } })

    expect(answer.status).toBe(401)
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
    expect(answer.headers.get('access-control-expose-headers')).toBe(
      'X-Request-Id,Retry-After,RateLimit,RateLimit-Policy',
    )
    expect(answer.headers.get('vary')).toMatch(/origin/i)
  },
)

test('a preflight of an allowed origin says what may be sent', async () => {
  const { request } = await testHouse(cors)
  const headers = { origin: 'https://app.example.com', 'access-control-request-method': 'POST' }

  const answer = await request('/api/auth/login', { method: 'OPTIONS', headers })

  expect(answer.status).toBe(204)
  expect(answer.headers.get('access-control-allow-methods')).toBe('GET,POST,DELETE')
  expect(answer.headers.get('access-control-allow-headers')).toBe('Authorization,Content-Type')
  expect(answer.headers.get('access-control-max-age')).toBe('600')
})

test.each([
  'null',
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'https://app.example.com:8443',
  'http://app.example.com',
  'https://APP.example.com',
  'https://sub.app.example.com',
  'https://evil.example',
])('the origin %s is not allowed, however near it comes [ASVS 3.4.2]', async (origin) => {
  const { request } = await testHouse(cors)
  const preflight = { origin, 'access-control-request-method': 'POST' }

  const answer = await request('/api/auth/login', { body: credentials, headers: { origin } })
  const options = await request('/api/auth/login', { method: 'OPTIONS', headers: preflight })

  expect(answer.headers.has('access-control-allow-origin')).toBe(false)
  expect(options.headers.has('access-control-allow-origin')).toBe(false)
})

test('GET /readyz answers 503 while the database is not migrated, and 200 once it is', async () => {
  const { config } = await testHouse()
  const empty = { ...config, DATABASE_URL: emptyDatabase() }
  const house = assemble(empty, { log: { debug() {}, info() {}, warn() {}, error() {} } })
  const ask = () => house.app.fetch(new Request('http://localhost:8000/readyz'), {})

  const before = await ask()
  await house.migrations.up()
  const after = await ask()
  await house.close()

  expect(before.status).toBe(503)
  expect(before.headers.get('retry-after')).toBe('1')
  expect(await before.json()).toMatchObject({ error: { code: 'UNAVAILABLE' } })
  expect(after.status).toBe(200)
})

test('GET /healthz answers whatever the database does', async () => {
  const { request, database } = await fileHouse()
  database.run('drop table kysely_migration')

  const answer = await request('/healthz')

  expect(answer.json()).toEqual({ status: 'ok' })
})

test.each<[string, string, unknown, Record<string, string>]>([
  ['POST', '/api/auth/signup', { ...credentials, email: 'eve@example.com' }, {}],
  ['POST', '/api/auth/login', credentials, {}],
  ['POST', '/api/auth/refresh', { refresh_token: `lkr_${'A'.repeat(43)}` }, {}],
  ['GET', '/api/auth/me', undefined, {}],
  ['GET', '/api/auth/events', undefined, {}],
  ['GET', '/api/auth/sessions', undefined, {}],
  ['POST', '/api/auth/password', { current_password: ada.password, new_password: 'AnotherGood1' }, {}],
  ['DELETE', '/api/auth/sessions/00000000-0000-4000-8000-000000000000', undefined, {}],
])(
  '%s %s answers 503 while the database cannot serve, logs why, and recovers by itself [ASVS 16.3.4]',
  async (method, path, body, headers) => {
    const house = await fileHouse()
    const { accessToken: token } = await house.auth.signUp(ada)
    const gone = ['users', 'sessions', 'refresh_tokens', 'revocations', 'kysely_migration']
    for (const table of gone) house.database.run(`alter table ${table} rename to ${table}_gone`)

    const during = await house.request(path, { method, body, token, headers })
    for (const table of gone) house.database.run(`alter table ${table}_gone rename to ${table}`)
    const after = await house.request(path, { method, body, token, headers })

    expect(during.status).toBe(503)
    expect(during.headers.get('retry-after')).toBe('1')
    expect(during.json().error).toStrictEqual({
      code: 'UNAVAILABLE',
      message: 'Service unavailable. Try again later.',
      details: null,
    })
    expect(house.lines.filter(({ level }) => level === 'error')).toContainEqual({
      level: 'error',
      message: 'Request failed',
      fields: { request_id: during.json().meta.request_id, error: expect.any(Error) },
    })
    expect([200, 201, 401, 404]).toContain(after.status)
  },
)

test('METRICS=off answers 404 at /metrics, and auto does where HOST is no loopback [ASVS 13.4.5]', async () => {
  const off = await testHouse({ METRICS: 'off' })
  const exposed = await testHouse({ HOST: '0.0.0.0' })

  expect((await off.request('/metrics')).status).toBe(404)
  expect((await exposed.request('/metrics')).status).toBe(404)
})

test('METRICS=public shows metrics wherever the server listens', async () => {
  const { request } = await testHouse({ METRICS: 'public', HOST: '0.0.0.0' })

  const answer = await request('/metrics')

  expect(answer.status).toBe(200)
  expect(answer.text).toContain('latchkey_password_hashes_pending 0')
})

test('metrics of hashes stand at zero before the first, so that its rise is seen', async () => {
  const { request } = await testHouse()

  const { text } = await request('/metrics')

  for (const purpose of ['login', 'familiar_login', 'signup', 'password_change'])
    expect(text).toContain(`latchkey_password_hash_wait_seconds_count{purpose="${purpose}"} 0`)
  for (const reason of ['expected_wait', 'waited', 'queue_full', 'stopping', 'thread_lost'])
    expect(text).toContain(`latchkey_password_hashes_refused_total{reason="${reason}"} 0`)
})

test('metrics of every server in a process tell of the process, and of requests to itself alone', async () => {
  const one = await testHouse()
  const other = await testHouse()
  await one.request('/healthz')

  const [ofOne, ofOther] = [(await one.request('/metrics')).text, (await other.request('/metrics')).text]

  for (const text of [ofOne, ofOther]) expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m)
  expect(ofOne).toContain('route="/healthz"')
  expect(ofOther).not.toContain('route="/healthz"')
})

test('metrics are labelled by route and status, and by nothing that names anybody', async () => {
  const { request } = await testHouse()
  await request('/api/auth/login', { body: credentials, address: '203.0.113.7' })
  await request('/users/ada@example.com')

  const { text } = await request('/metrics')

  expect(text).toContain(
    'latchkey_http_request_duration_seconds_count{method="POST",route="/api/auth/login",status="401"} 1',
  )
  expect(text).toContain('latchkey_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1')
  expect(text).not.toMatch(/ada@example|203\.0\.113/)
})

test.each(['/docs', '/docs/docs.js', '/docs/swagger-ui.css', '/openapi.json'])(
  'DOCS=off answers 404 at %s [ASVS 13.4.5]',
  async (path) => {
    const { request } = await testHouse({ DOCS: 'off' })

    const answer = await request(path)

    expect(answer.status).toBe(404)
  },
)

test('GET /docs runs scripts of this server alone [ASVS 3.4.3]', async () => {
  const { request } = await testHouse()

  const { headers, text } = await request('/docs')

  expect(headers.get('content-security-policy')).toContain("script-src 'self';")
  expect(headers.get('content-security-policy')).not.toContain('unsafe')
  expect(text).not.toMatch(/https?:\/\/|<script>|onload=|style=/)
})
