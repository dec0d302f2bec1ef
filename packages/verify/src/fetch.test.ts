import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { authenticate, authenticateOwner } from './fetch.ts'
import { adasToken, bearer, bobsToken, refusedHeaders, verifier } from './testing/guarded.ts'
import { hostilePaths } from './testing/hostile-paths.ts'
import { sendRaw, serving, type TestServer } from './testing/server.ts'
import { ada, bob } from './testing/tokens.ts'

const handled: string[] = []
const judge = authenticate(verifier)
const judgeOwner = authenticateOwner(verifier)

/** A router that decodes, as many do. */
function ownerIn(path: string): string | undefined {
  const segment = /^\/api\/([^/]+)\/tasks$/.exec(path)?.[1]
  return segment === undefined ? undefined : decodeURIComponent(segment)
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  const { claims, refusal } = await (pathname === '/me' ? judge(request) : judgeOwner(request, ownerIn(pathname)))
  if (refusal) return refusal
  handled.push(pathname)
  return Response.json({ user: claims.user_id })
}

let server: TestServer
beforeAll(async () => {
  server = await serving(createAdaptorServer({ fetch: answer }) as Server)
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
  'authenticateOwner() refuses $name in the shape of the contract',
  async ({ lines, status, code, challenge }) => {
    const answer = await sendRaw(server.port, `/api/${ada}/tasks`, lines)

    expect(answer).toMatchObject({ status, body: { error: { code, details: null }, meta: {} } })
    expect(answer.headers['www-authenticate']).toContain(challenge)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' })
    expect(answer.headers['content-type']).toMatch('application/json')
    expect(answer.body).toMatchObject({ meta: { request_id: answer.headers['x-request-id'] } })
    expect(handled).toEqual([])
  },
)

/** Without those that mean Ada's own path once the runtime has made a `Request` of them. */
const pathsAsSeen = hostilePaths.filter((path) => new URL(path, 'http://localhost').pathname !== `/api/${ada}/tasks`)

test.each(pathsAsSeen)('authenticateOwner() gives Ada nothing on %s', async (path) => {
  const answer = await sendRaw(server.port, path, [bearer(adasToken)])

  expect([400, 403, 404, 500]).toContain(answer.status)
  expect(handled).toEqual([])
})

test("authenticateOwner() says 403 AUTH_FORBIDDEN without a challenge on another user's path", async () => {
  const answer = await sendRaw(server.port, `/api/${ada}/tasks`, [bearer(bobsToken)])

  expect(answer).toMatchObject({ status: 403, body: { error: { code: 'AUTH_FORBIDDEN', message: 'Access denied' } } })
  expect(answer.headers['www-authenticate']).toBeUndefined()
})

test('authenticateOwner() takes no token from the query, and none in both places', async () => {
  const query = `/api/${ada}/tasks?access_token=${adasToken}`
  const alone = await sendRaw(server.port, query)
  const both = await sendRaw(server.port, query, [bearer(adasToken)])

  expect(alone).toMatchObject({ status: 401, body: { error: { code: 'AUTH_MISSING' } } })
  expect(both).toMatchObject({ status: 400, body: { error: { code: 'VALIDATION_ERROR' } } })
})

test('authenticateOwner() answers 500 where the router found no user id, and lets nobody pass', async () => {
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
