import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { doors, handled } from './testing/doors.ts'
import { adasToken, bearer, bobsToken, refusedHeaders, verifier } from './testing/guarded.ts'
import { hostilePaths } from './testing/hostile-paths.ts'
import { sendRaw, type TestServer } from './testing/server.ts'
import { ada, bob } from './testing/tokens.ts'

/** Without those that mean Ada's own path once the runtime has made a `Request` of them. */
const pathsAsSeen = hostilePaths.filter((path) => new URL(path, 'http://localhost').pathname !== `/api/${ada}/tasks`)

describe.each(Object.entries(doors))('%s', (name, open) => {
  let server: TestServer
  beforeAll(async () => {
    server = await open(verifier)
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

  test.each(name === 'fetch' ? pathsAsSeen : hostilePaths)(
    'authenticateOwner() gives Ada nothing on %s [ASVS 8.2.2]',
    async (path) => {
      const answer = await sendRaw(server.port, path, [bearer(adasToken)])

      expect(name === 'fetch' ? [400, 403, 404, 500] : [400, 403, 404]).toContain(answer.status)
      expect(handled).toEqual([])
    },
  )

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

    expect(answer).toMatchObject({
      status: 500,
      body: { error: { code: 'INTERNAL_ERROR', message: 'Internal error' } },
    })
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
})

test.each(['Express', 'Hono', 'Fastify'] as const)(
  '%s refuses under the id that the answer bears, if it is a UUID, and lets nobody cache the refusal',
  async (name) => {
    const server = await doors[name](verifier)
    onTestFinished(() => server.close())
    const id = randomUUID()

    const known = await sendRaw(server.port, '/me', [`X-Label: ${id}`])
    const odd = await sendRaw(server.port, '/me', ['X-Label: x'])

    expect(known).toMatchObject({ status: 401, headers: { 'x-request-id': id }, body: { meta: { request_id: id } } })
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    for (const { headers } of [known, odd]) expect(headers['cache-control']).toBe('no-store')
  },
)
