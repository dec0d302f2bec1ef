import { parseStrictJson } from '@latchkey/verify/strict-json'
import { expect, test } from 'vitest'
import { apiHouse } from '../../testing/api-house.ts'
import { testHouse } from '../../testing/test-house.ts'

const path = '/.well-known/oauth-authorization-server'

test('GET /.well-known/oauth-authorization-server says where everything is [RFC9700-2.6a, RFC9068-4g]', async () => {
  const { request } = await testHouse({ PUBLIC_URL: 'https://auth.example.com' })

  const answer = await request(path)

  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(answer.json()).toStrictEqual({
    issuer: 'https://auth.example.com',
    jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
    introspection_endpoint: 'https://auth.example.com/api/auth/introspect',
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'Bearer'],
    revocation_endpoint: 'https://auth.example.com/api/auth/revoke',
    revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
    response_types_supported: [],
    grant_types_supported: [],
    service_documentation: 'https://auth.example.com/docs',
    status_list_aggregation_endpoint: 'https://auth.example.com/.well-known/status-lists',
    latchkey_revocation_stream: 'https://auth.example.com/api/auth/revocations',
    latchkey_revocation_stream_auth_methods_supported: ['none'],
  })
})

test('the metadata leaves out what there is not: keys in shared-secret mode, and docs that are off [RFC8414-3.2]', async () => {
  const { request } = await testHouse({ JWT_SECRET: 'a shared secret of more than 32 bytes', DOCS: 'off' })

  const metadata = (await request(path)).json()

  expect(Object.keys(metadata)).not.toContain('jwks_uri')
  expect(Object.keys(metadata)).not.toContain('service_documentation')
  expect(Object.values(metadata)).not.toContain(null)
  const empty = Object.keys(metadata).filter((name) => metadata[name].length === 0)
  expect(empty).toEqual(['response_types_supported', 'grant_types_supported'])
})

test('the metadata says that the stream takes a credential where it does', async () => {
  const { request } = await testHouse({ REVOCATION_STREAM: 'credential' })

  const metadata = (await request(path)).json()

  expect(metadata.latchkey_revocation_stream_auth_methods_supported).toEqual(['client_secret_basic', 'Bearer'])
})

test('every address that the metadata names answers, and each way to authenticate is one [RFC8414-2a]', async () => {
  const { request, send, credential, tokens } = await apiHouse()
  const metadata = (await request(path)).json()
  const pathOf = (url: string) => new URL(url).pathname

  const keys = await request(pathOf(metadata.jwks_uri))
  const docs = await request(pathOf(metadata.service_documentation))
  const lists = await request(pathOf(metadata.status_list_aggregation_endpoint))
  const stream = await request(pathOf(metadata.latchkey_revocation_stream), { method: 'HEAD' })
  const introspected = await send(
    pathOf(metadata.introspection_endpoint),
    { token: tokens.accessToken },
    { credential },
  )
  const revoked = await send(pathOf(metadata.revocation_endpoint), { token: tokens.accessToken }, { credential })

  const answers = [keys, docs, lists, stream, introspected, revoked]
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
})

test('the issuer of the metadata is the issuer of the tokens, letter for letter [RFC9068-4g]', async () => {
  const { request, tokens } = await apiHouse({ PUBLIC_URL: 'https://Example.com:8443/Auth' })

  const { issuer } = (await request(path)).json()

  const claims = JSON.parse(Buffer.from(tokens.accessToken.split('.')[1] ?? '', 'base64url').toString())
  expect(issuer).toBe('https://Example.com:8443/Auth')
  expect(claims.iss).toBe(issuer)
})

test.each<Record<string, string>>([
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
  { forwarded: 'host=evil.example;proto=https' },
])('no header of a request changes an address of the metadata: %j', async (headers) => {
  const { app, request } = await testHouse({ TRUSTED_PROXIES: '192.0.2.1' })
  const usual = await request(path)

  const target = new Request(`http://${headers['host'] ?? 'localhost'}${path}`, { headers })
  const answer = await app.fetch(target, { remoteAddress: '192.0.2.1' })

  expect(await answer.text()).toBe(usual.text)
})

test.each([
  ['https://example.com/auth', `${path}/auth`],
  ['https://example.com/a/b', `${path}/a/b`],
])('the metadata of %s is also at %s [RFC8414-3]', async (issuer, itsPath) => {
  const { request, handles } = await testHouse({ PUBLIC_URL: issuer })

  const answers = [await request(itsPath), await request(path)]

  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(answers.map(({ text }) => JSON.parse(text).issuer)).toEqual([issuer, issuer])
  expect(answers[0]?.json().introspection_endpoint).toBe(`${issuer}/api/auth/introspect`)
  expect(handles(itsPath)).toBe(true)
})

test.each([`${path}/`, `${path}/auth/`, `${path}/other`, '/auth/.well-known/oauth-authorization-server'])(
  'the metadata of an issuer with a path is not at %s',
  async (elsewhere) => {
    const { request } = await testHouse({ PUBLIC_URL: 'https://example.com/auth' })

    const { status } = await request(elsewhere)

    expect(status).toBe(404)
  },
)

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  'the metadata answers GET, and %s with 405 [RFC8414-3.1]',
  async (method) => {
    const { request } = await testHouse({ PUBLIC_URL: 'https://example.com/auth' })

    const answers = [await request(path, { method }), await request(`${path}/auth`, { method })]

    for (const { status, headers } of answers) {
      expect(status).toBe(405)
      expect(headers.get('allow')).toBe('GET, HEAD')
    }
  },
)

test('CORS is on for the routes that issue tokens where it is asked for; there is no authorization endpoint to have it on [RFC9700-2.6d]', async () => {
  const { request } = await testHouse({ CORS_ORIGINS: 'https://app.example.com' })
  const headers = { origin: 'https://app.example.com', 'access-control-request-method': 'POST' }

  const tokens = await request('/api/auth/login', { method: 'OPTIONS', headers })
  const elsewhere = await Promise.all(
    ['/authorize', '/oauth/authorize', '/oauth2/authorize', '/api/auth/authorize'].map((place) => request(place)),
  )

  expect(tokens.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
  expect((await request(path)).json()).not.toHaveProperty('authorization_endpoint')
  expect(elsewhere.map(({ status }) => status)).toEqual([404, 404, 404, 404])
})

test.each(['/.well-known/jwks.json', path])(
  '%s may be read by any page and kept for five minutes [RFC9700-2.6d]',
  async (file) => {
    const { request } = await testHouse({ CORS_ORIGINS: 'https://app.example.com' })

    const { headers } = await request(file, { headers: { origin: 'https://another.example' } })

    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-credentials')).toBeNull()
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(headers.get('cache-control')).toBe('public, max-age=300')
  },
)

test('the key set is an object with an array of keys, and no member comes twice [RFC7517-5a]', async () => {
  const { request, keys } = await apiHouse()
  await keys.rotate({ address: 'local', network: 'local', userAgent: '', requestId: crypto.randomUUID() })

  const { text } = await request('/.well-known/jwks.json')

  const set = parseStrictJson(Buffer.from(text)) as { keys: object[] }
  expect(Object.keys(set)).toEqual(['keys'])
  expect(set.keys).toHaveLength(2)
})

test('parseStrictJson(), by which the key set was read, refuses a member that comes twice', () => {
  const reading = () => parseStrictJson(Buffer.from('{"keys":[],"keys":[]}'))

  expect(reading).toThrow()
})
