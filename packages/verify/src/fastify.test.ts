import fastify, { type FastifyRequest } from 'fastify'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { authenticate, authenticateOwner } from './fastify.ts'
import { adasToken, bearer, bobsToken, refusedHeaders, verifier } from './testing/guarded.ts'
import { hostilePaths } from './testing/hostile-paths.ts'
import { sendRaw } from './testing/server.ts'
import { ada, bob } from './testing/tokens.ts'

const handled: string[] = []
const server = { port: 0 }
const app = fastify()
const handle = async (request: FastifyRequest) => {
  handled.push(request.url)
  return { user: request.claims.user_id }
}

beforeAll(async () => {
  app.register(async (owned) => {
    await owned.register(authenticateOwner(verifier))
    owned.get('/api/:user_id/tasks', handle)
  })
  app.register(async (careless) => {
    // Not awaited, so the route is there before the guard can look at it.
    careless.register(authenticateOwner(verifier))
    careless.get('/forgotten', handle)
  })
  app.register(async (signedIn) => {
    await signedIn.register(authenticate(verifier))
    signedIn.get('/me', handle)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  server.port = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(() => app.close())
beforeEach(() => {
  handled.length = 0
})

test('authenticateOwner() lets the user pass with claims from the token', async () => {
  const answer = await sendRaw(server.port, `/api/${ada}/tasks`, [bearer(adasToken)])

  expect(answer).toMatchObject({ status: 200, body: { user: ada } })
})

test.each(refusedHeaders)(
  'authenticateOwner() refuses $name in the shape of the contract [RFC6750-2.1] [RFC6750-2] [RFC6750-3a] [RFC6750-3.1c]',
  async ({ lines, status, code, challenge }) => {
    const answer = await sendRaw(server.port, `/api/${ada}/tasks`, lines)

    expect(answer).toMatchObject({ status, body: { error: { code, details: null }, meta: {} } })
    expect(answer.headers['www-authenticate']).toContain(challenge)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' })
    expect(answer.headers['content-type']).toMatch('application/json')
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.body).toMatchObject({ meta: { request_id: answer.headers['x-request-id'] } })
    expect(handled).toEqual([])
  },
)

test.each(hostilePaths)('authenticateOwner() gives Ada nothing on %s [ASVS 8.2.2]', async (path) => {
  const answer = await sendRaw(server.port, path, [bearer(adasToken)])

  expect([400, 403, 404]).toContain(answer.status)
  expect(handled).toEqual([])
})

test("authenticateOwner() says 403 AUTH_FORBIDDEN without a challenge on another user's path [RFC6750-3.1d]", async () => {
  const answer = await sendRaw(server.port, `/api/${ada}/tasks`, [bearer(bobsToken)])

  expect(answer).toMatchObject({ status: 403, body: { error: { code: 'AUTH_FORBIDDEN', message: 'Access denied' } } })
  expect(answer.headers['www-authenticate']).toBeUndefined()
})

test('authenticateOwner() takes no token from the query, and none in both places [RFC6750-2.3] [RFC6750-2]', async () => {
  const query = `/api/${ada}/tasks?access_token=${adasToken}`
  const alone = await sendRaw(server.port, query)
  const both = await sendRaw(server.port, query, [bearer(adasToken)])

  expect(alone).toMatchObject({ status: 401, body: { error: { code: 'AUTH_MISSING' } } })
  expect(alone.headers['cache-control']).toBe('no-store')
  expect(both).toMatchObject({ status: 400, body: { error: { code: 'VALIDATION_ERROR' } } })
})

test('authenticateOwner() answers 500 on a route without a user id and lets nobody pass', async () => {
  const answer = await sendRaw(server.port, '/forgotten', [bearer(adasToken)])

  expect(answer).toMatchObject({ status: 500, body: { error: { code: 'INTERNAL_ERROR', message: 'Internal error' } } })
  expect(handled).toEqual([])
})

test('authenticate() lets any user pass on a path of nobody', async () => {
  const answer = await sendRaw(server.port, '/me', [bearer(bobsToken)])

  expect(answer).toMatchObject({ status: 200, body: { user: bob } })
})

test('authenticate() refuses a request without a token', async () => {
  const answer = await sendRaw(server.port, '/me')

  expect(answer).toMatchObject({ status: 401, body: { error: { code: 'AUTH_MISSING' } } })
  expect(handled).toEqual([])
})

test('authenticateOwner() throws at start for a route without a user id', async () => {
  const other = fastify()
  await other.register(authenticateOwner(verifier))

  expect(() => other.get('/api/tasks', handle)).toThrow(
    'Cannot guard the route "GET /api/tasks": it has no parameter ":user_id"',
  )
  expect(() => other.get('/api/:user_identity/tasks', handle)).toThrow('Cannot guard the route')
  expect(() => other.get('/api/:user_id/tasks', handle)).not.toThrow()
})

test('authenticateOwner() looks for another parameter when told to', async () => {
  const other = fastify()
  await other.register(authenticateOwner(verifier, { parameter: 'owner' }))
  other.get('/:owner', handle)
  const ask = (id: string) => other.inject({ url: `/${id}`, headers: { authorization: `Bearer ${adasToken}` } })

  expect((await ask(ada)).statusCode).toBe(200)
  expect((await ask(bob)).statusCode).toBe(403)
})

test('authenticateOwner() on the whole instance asks for a token before it says 404', async () => {
  const other = fastify()
  await other.register(authenticateOwner(verifier))

  expect((await other.inject({ url: '/none' })).statusCode).toBe(401)
  const signedIn = await other.inject({ url: '/none', headers: { authorization: `Bearer ${adasToken}` } })
  expect(signedIn.statusCode).toBe(404)
})
