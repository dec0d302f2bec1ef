import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../test/database-file.ts'
import { ConfigError, createLatchkey, type LatchkeyOptions } from './index.ts'
import { ada } from './testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }

/** An embedded server in memory that says nothing. */
function embed(options: LatchkeyOptions = {}) {
  const latchkey = createLatchkey({
    databaseUrl: 'sqlite::memory:',
    publicUrl: 'http://localhost:8000',
    environment: 'test',
    bcryptCost: 4,
    logLevel: 'silent',
    ...options,
  })
  onTestFinished(latchkey.close)
  return latchkey
}

const post = (path: string, body: object) =>
  new Request(`http://localhost:8000${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const get = (path: string, headers: Record<string, string> = {}) =>
  new Request(`http://localhost:8000${path}`, { headers })

type Tokens = { token: string; user_id: string }

test('createLatchkey() serves signup, login and profile once it has migrated', async () => {
  const latchkey = embed()
  const done = await latchkey.migrate()

  const signup = await latchkey.fetch(post('/api/auth/signup', credentials))

  const { token, user_id } = (await signup.json()) as Tokens
  const profile = await latchkey.fetch(get('/api/auth/me', { authorization: `Bearer ${token}` }))
  expect(done).toContain('0001-users-and-sessions')
  expect(await latchkey.migrate()).toEqual([])
  expect(await profile.json()).toMatchObject({ user_id, email: ada.email })
})

test('createLatchkey() gives a verifier that knows of a logout when the logout answers [ASVS 7.4.1]', async () => {
  const latchkey = embed()
  await latchkey.migrate()
  const { token } = (await (await latchkey.fetch(post('/api/auth/signup', credentials))).json()) as Tokens
  await expect(latchkey.verifier.verify(token)).resolves.toMatchObject({ email: ada.email })
  const headers = { authorization: `Bearer ${token}` }

  await latchkey.fetch(new Request('http://localhost:8000/api/auth/logout', { method: 'POST', headers }))

  await expect(latchkey.verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test.each(['/api/auth/signup', '/api/auth/login', '/api/auth/refresh'])(
  '%s answers 503 before migrate(), in the one error shape',
  async (path) => {
    const latchkey = embed()

    const answer = await latchkey.fetch(post(path, { ...credentials, refresh_token: `lkr_${'A'.repeat(43)}` }))

    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await answer.json()).toMatchObject({ error: { code: 'UNAVAILABLE', details: null } })
  },
)

test('a request after close() is answered with 503', async () => {
  const latchkey = embed()
  await latchkey.migrate()
  await latchkey.close()

  const answer = await latchkey.fetch(post('/api/auth/login', credentials))

  expect(answer.status).toBe(503)
})

test('createLatchkey() takes every setting under its name in camel case', async () => {
  const latchkey = embed({
    jwtSecret: 'a shared secret of more than 32 bytes',
    jwtAudience: 'tasks',
    accessTokenTtl: '15m',
    corsOrigins: ['https://app.example.com', 'https://www.example.com'],
    rateLimitLogin: '1/minute',
    docs: 'off',
  })
  await latchkey.migrate()

  const signup = await latchkey.fetch(post('/api/auth/signup', credentials))

  const { token, expires_in } = (await signup.json()) as { token: string; expires_in: number }
  expect(expires_in).toBe(900)
  await expect(latchkey.verifier.verify(token)).resolves.toMatchObject({ aud: 'tasks' })
  expect((await latchkey.fetch(get('/docs'))).status).toBe(404)
  const cors = await latchkey.fetch(get('/api/auth/me', { origin: 'https://www.example.com' }))
  expect(cors.headers.get('access-control-allow-origin')).toBe('https://www.example.com')
})

test.each<[string, object, string]>([
  ['an unknown option', { jwtSecrett: 'x' }, 'there is no option "jwtSecrett"'],
  ['a name in capitals', { JWT_SECRET: 'x' }, 'there is no option "JWT_SECRET"'],
  ['a port, which it has none of', { port: 8000 }, 'there is no option "port"'],
  ['a wrong value', { bcryptCost: 3 }, 'BCRYPT_COST must be a whole number from 4 to 15: it is "3"'],
  ['a low cost outside of tests', { environment: 'production' }, 'BCRYPT_COST must be a whole number from 10 to 15'],
])('createLatchkey() refuses %s with a ConfigError that names it', (_, options, said) => {
  const make = () => embed(options)

  expect(make).toThrow(ConfigError)
  expect(make).toThrow(said)
})

test('a ConfigError repeats no secret', () => {
  const make = () => embed({ jwtSecret: 'short-and-secret', masterKey: 'another-secret' })

  expect(make).toThrow(/JWT_SECRET.*MASTER_KEY/)
  expect(make).not.toThrow(/short-and-secret|another-secret/)
})

test('createLatchkey() opens and makes nothing before it is used', async () => {
  const folder = temporaryFolder()
  const latchkey = embed({ databaseUrl: `sqlite:${join(folder, 'data/latchkey.db')}` })
  const before = existsSync(join(folder, 'data'))

  await latchkey.migrate()

  expect(before).toBe(false)
  expect(existsSync(join(folder, 'data/latchkey.db'))).toBe(true)
})

test('createLatchkey() reads no environment variable', async () => {
  process.env['JWT_AUDIENCE'] = 'from the environment'
  onTestFinished(() => {
    delete process.env['JWT_AUDIENCE']
  })
  const latchkey = embed()
  await latchkey.migrate()

  const { token } = (await (await latchkey.fetch(post('/api/auth/signup', credentials))).json()) as Tokens

  expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).not.toHaveProperty('aud')
})

test('createLatchkey() counts clients by the address that the platform tells', async () => {
  const latchkey = embed({ rateLimitLogin: '1/minute' })
  await latchkey.migrate()
  const login = async (remoteAddress?: string) =>
    (await latchkey.fetch(post('/api/auth/login', credentials), remoteAddress ? { remoteAddress } : {})).status

  const statuses = [
    await login('192.0.2.1'),
    await login('192.0.2.1'),
    await login('192.0.2.2'),
    await login(),
    await login(),
  ]

  expect(statuses).toEqual([401, 429, 401, 401, 429])
})

test.each([
  ['http://localhost:8000', '/.well-known/oauth-authorization-server'],
  ['http://localhost:8000/auth', '/.well-known/oauth-authorization-server/auth'],
  ['http://localhost:8000', '/.well-known/jwks.json'],
  ['http://localhost:8000', '/.well-known/status-lists'],
  ['http://localhost:8000', '/.well-known/status-lists/0'],
])('an embedded server at %s is handed %s, and answers it', async (publicUrl, path) => {
  const latchkey = embed({ publicUrl })
  await latchkey.migrate()
  await latchkey.fetch(post('/api/auth/signup', credentials))

  const answer = await latchkey.fetch(get(path))

  expect(latchkey.handles(path)).toBe(true)
  expect(answer.status).toBe(200)
})

test('handles() knows every path of the contract, and leaves the others to the program', async () => {
  const latchkey = embed()
  const contract = (await (await latchkey.fetch(get('/openapi.json'))).json()) as { paths: object }
  const paths = Object.keys(contract.paths).map((path) => path.replaceAll(/\{\w+\}/g, '0'))

  const handled = paths.filter(latchkey.handles)

  expect(handled).toEqual(paths)
  expect(paths).toContain('/.well-known/status-lists/0')
  expect(['/', '/api/tasks', '/.well-known/other', '/.well-known/status-listsx'].filter(latchkey.handles)).toEqual([])
})

test('nodeListener() answers for node:http as fetch() does', async () => {
  const latchkey = embed()
  await latchkey.migrate()
  const server = createServer(latchkey.nodeListener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo

  const answer = await fetch(`http://127.0.0.1:${port}/api/auth/me`)

  expect(answer.status).toBe(401)
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('close() ends streams, can be called twice, and lets a request in flight be answered', async () => {
  const latchkey = embed({ bcryptCost: 10 })
  await latchkey.migrate()
  const stream = await latchkey.fetch(get('/api/auth/revocations'))
  const signup = latchkey.fetch(post('/api/auth/signup', credentials))

  await latchkey.close()
  await latchkey.close()

  expect((await signup).status).toBe(201)
  expect(await stream.text()).toContain('event: current')
})
