import express, { type RequestHandler } from 'express'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { authenticate, authenticateOwner } from './express.ts'
import { adasToken, bearer, bobsToken, refusedHeaders, verifier } from './testing/guarded.ts'
import { hostilePaths } from './testing/hostile-paths.ts'
import { sendRaw, serve, type TestServer } from './testing/server.ts'
import { ada, bob } from './testing/tokens.ts'

const handled: string[] = []
const app = express()
const handle: RequestHandler = (request, response) => {
  handled.push(request.path)
  response.json({ user: request.claims.user_id })
}
app.get('/api/:user_id/tasks', authenticateOwner(verifier), handle)
app.get('/forgotten', authenticateOwner(verifier), handle)
app.get('/me', authenticate(verifier), handle)
const mounted = express.Router({ mergeParams: true })
app.use('/mounted/:user_id', mounted)
mounted.use(authenticateOwner(verifier)).get('/tasks', handle)
const unmerged = express.Router()
app.use('/unmerged/:user_id', unmerged)
unmerged.use(authenticateOwner(verifier)).get('/tasks', handle)

let server: TestServer
beforeAll(async () => {
  server = await serve(app)
})
afterAll(() => server.close())
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

test('authenticateOwner() guards a router that merges parameters, and answers 500 in one that does not', async () => {
  const own = await sendRaw(server.port, `/mounted/${ada}/tasks`, [bearer(adasToken)])
  const foreign = await sendRaw(server.port, `/mounted/${bob}/tasks`, [bearer(adasToken)])
  const unknowing = await sendRaw(server.port, `/unmerged/${ada}/tasks`, [bearer(adasToken)])

  expect([own.status, foreign.status, unknowing.status]).toEqual([200, 403, 500])
  expect(handled).toEqual(['/tasks'])
})
