import { createLatchkey } from 'latchkey'
import { expect, onTestFinished, test } from 'vitest'
import type { Answer, Tokens } from '../../testing/client.ts'
import { createApp } from './app.ts'
import { openTaskStore } from './task-store.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const unknownId = '00000000-0000-4000-8000-000000000000'
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

type Sending = { body?: string | Uint8Array<ArrayBuffer> | ReadableStream; type?: string; token?: string | undefined }

/** The whole API on a database in memory, a signed-up user, and a clock moved by hand. */
async function testApi() {
  const latchkey = createLatchkey({
    databaseUrl: 'sqlite::memory:',
    environment: 'test',
    bcryptCost: 4,
    log: silent,
  })
  await latchkey.migrate()
  let time = Date.UTC(2026, 0, 1)
  const now = () => time
  const store = openTaskStore(':memory:', now)
  const faults: string[] = []
  const log = { error: (line: string) => faults.push(line) }
  const app = createApp({ verifier: latchkey.verifier, store, now, log })
  onTestFinished(latchkey.close)

  const signUp = new Request('http://localhost:8000/api/auth/signup', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'SecurePass123' }),
  })
  const { user_id, token: issued } = (await (await latchkey.fetch(signUp)).json()) as Tokens

  /** Sends as the user; paths are below `/api/{user_id}`. */
  async function send(method: string, path: string, { body, type, token = issued }: Sending = {}): Promise<Answer> {
    const contentType = type ?? (body === undefined ? undefined : 'application/json')
    const response = await app.request(`/api/${user_id}${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  async function addTask(title = 'Water the plants') {
    const { body } = await send('POST', '/tasks', { body: JSON.stringify({ title }) })
    return body.data
  }

  const advance = (seconds: number) => {
    time += seconds * 1_000
  }
  return { app, store, faults, userId: user_id, send, addTask, advance }
}

const postTitle = (title: unknown) => ({ body: JSON.stringify({ title }) })

test('POST tasks answers 201 with the whole task', async () => {
  const { send, userId } = await testApi()

  const { status, body } = await send('POST', '/tasks', postTitle('Water the plants'))

  expect(status).toBe(201)
  expect(body).toEqual({
    data: {
      id: expect.stringMatching(uuid),
      user_id: userId,
      title: 'Water the plants',
      is_completed: false,
      completed_at: null,
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:00:00.000Z',
    },
    meta: { timestamp: '2026-01-01T00:00:00.000Z' },
  })
})

test('POST tasks ignores members that it does not know, such as a user id', async () => {
  const { send, userId } = await testApi()

  const { status, body } = await send('POST', '/tasks', {
    body: JSON.stringify({ title: 'Mine', user_id: unknownId, id: unknownId, colour: 'red' }),
  })

  expect(status).toBe(201)
  expect(body.data).toMatchObject({ user_id: userId, id: expect.not.stringMatching(unknownId) })
  expect(body.data).not.toHaveProperty('colour')
})

test.each([
  ['one character', 'a'],
  ['spaces around it', '  two words  '],
  ['500 characters that take two UTF-16 units each', '🌱'.repeat(500)],
  ['line breaks, tabs and quotes', "a\r\n\tb'; DROP TABLE tasks; --"],
])('POST tasks takes a title as it is: %s', async (_, title) => {
  const { send } = await testApi()

  const { body: made } = await send('POST', '/tasks', postTitle(title))

  const { body } = await send('GET', `/tasks/${made.data.id}`)
  expect(body.data.title).toBe(title)
})

test.each([
  ['none', undefined, 'Must be text'],
  ['a number', 5, 'Must be text'],
  ['nothing in it', '', 'Must not be blank'],
  ['white space alone', ' \t\u00a0\n', 'Must not be blank'],
  ['501 characters', 'a'.repeat(501), 'Must have at most 500 characters'],
  ['NUL', 'a\0b', 'Must not contain NUL'],
])('POST tasks refuses a title that is %s', async (_, title, issue) => {
  const { send } = await testApi()

  const { status, body } = await send('POST', '/tasks', postTitle(title))

  expect(status).toBe(400)
  expect(body.error).toEqual({
    code: 'VALIDATION_ERROR',
    message: 'Invalid input',
    details: [{ field: 'title', issue }],
  })
})

test.each([
  ['cut short', '{"title": "a'],
  ['empty', ''],
  ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ['a list', '[]'],
  ['null', 'null'],
  ['one with a name that comes twice', '{"title": "a", "\\u0074itle": "b"}'],
  ['one with a member __proto__', '{"title": "a", "__proto__": {"is_completed": true}}'],
  ['one with a lone surrogate', '{"title": "a\\ud800"}'],
  ['nested deeply', `{"title": "a", "x": ${'['.repeat(40)}${']'.repeat(40)}}`],
])('POST tasks refuses a body that is %s', async (_, body) => {
  const { send } = await testApi()

  const answer = await send('POST', '/tasks', { body, type: 'application/json' })

  expect(answer.status).toBe(400)
  expect(answer.body.error).toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'body' }] })
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1'])(
  'POST tasks refuses the content type %s',
  async (type) => {
    const { send } = await testApi()

    const { status, body } = await send('POST', '/tasks', { ...postTitle('a'), type })

    expect(status).toBe(415)
    expect(body.error.code).toBe('UNSUPPORTED_MEDIA_TYPE')
  },
)

test('POST tasks refuses a body over 16 KiB, whether its length is told or not', async () => {
  const { send } = await testApi()
  const long = JSON.stringify({ title: 'a', filler: 'x'.repeat(16 * 1024) })

  const whole = await send('POST', '/tasks', { body: long })
  const streamed = await send('POST', '/tasks', { body: new Blob([long]).stream(), type: 'application/json' })

  expect([whole, streamed]).toMatchObject([
    { status: 413, body: { error: { code: 'PAYLOAD_TOO_LARGE' } } },
    { status: 413, body: { error: { code: 'PAYLOAD_TOO_LARGE' } } },
  ])
})

test('GET tasks lists newest first, also within one millisecond, and counts', async () => {
  const { send, addTask } = await testApi()
  for (const title of ['first', 'second', 'third']) await addTask(title)

  const { status, body } = await send('GET', '/tasks')

  expect(status).toBe(200)
  expect(body.data.map(({ title }: { title: string }) => title)).toEqual(['third', 'second', 'first'])
  expect(body.meta).toEqual({ timestamp: '2026-01-01T00:00:00.000Z', count: 3 })
})

test('PUT a task changes its title and the instant of its last change', async () => {
  const { send, addTask, advance } = await testApi()
  const task = await addTask()
  advance(60)

  const { status, body } = await send('PUT', `/tasks/${task.id}`, postTitle('Water the cactus'))

  expect(status).toBe(200)
  expect(body.data).toEqual({ ...task, title: 'Water the cactus', updated_at: '2026-01-01T00:01:00.000Z' })
})

test('PUT a task completes it too when the body says so', async () => {
  const { send, addTask } = await testApi()
  const { id, title } = await addTask()

  const { body } = await send('PUT', `/tasks/${id}`, { body: JSON.stringify({ title, is_completed: true }) })

  expect(body.data).toMatchObject({ is_completed: true, completed_at: '2026-01-01T00:00:00.000Z' })
})

test('PATCH complete sets a task completed, once and for all', async () => {
  const { send, addTask, advance } = await testApi()
  const task = await addTask()
  const first = await send('PATCH', `/tasks/${task.id}/complete`)
  advance(60)

  const second = await send('PATCH', `/tasks/${task.id}/complete`)

  expect(first.status).toBe(200)
  expect(first.body.data).toEqual({ ...task, is_completed: true, completed_at: '2026-01-01T00:00:00.000Z' })
  expect(second.body.data).toEqual(first.body.data)
})

test('PATCH complete sets a task back when the body says false', async () => {
  const { send, addTask } = await testApi()
  const { id } = await addTask()
  await send('PATCH', `/tasks/${id}/complete`)

  const { status, body } = await send('PATCH', `/tasks/${id}/complete`, { body: '{"is_completed": false}' })

  expect(status).toBe(200)
  expect(body.data).toMatchObject({ is_completed: false, completed_at: null })
})

test('PATCH complete refuses an is_completed that is no boolean', async () => {
  const { send, addTask } = await testApi()
  const { id } = await addTask()

  const { status, body } = await send('PATCH', `/tasks/${id}/complete`, { body: '{"is_completed": "no"}' })

  expect(status).toBe(400)
  expect(body.error.details).toEqual([{ field: 'is_completed', issue: 'Must be true or false' }])
})

test('DELETE a task answers its id, and from then on 404', async () => {
  const { send, addTask } = await testApi()
  const { id } = await addTask()

  const first = await send('DELETE', `/tasks/${id}`)
  const second = await send('DELETE', `/tasks/${id}`)

  expect(first).toMatchObject({ status: 200, body: { data: { id } } })
  expect(second).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } })
})

test.each([
  ['GET', `/tasks/${unknownId}`],
  ['PUT', `/tasks/${unknownId}`],
  ['DELETE', '/tasks/no-uuid'],
  ['PATCH', `/tasks/${unknownId}/complete`],
  ['GET', '/tasks/'],
  ['GET', '/nothing'],
])('%s %s answers 404 in the one error shape', async (method, path) => {
  const { send } = await testApi()

  const { status, headers, body } = await send(method, path, method === 'PUT' ? postTitle('a') : {})

  expect(status).toBe(404)
  expect(body).toEqual({
    error: { code: 'NOT_FOUND', message: 'Not found', details: null },
    meta: { timestamp: expect.any(String), request_id: headers.get('x-request-id') },
  })
})

test.each([
  ['DELETE', '/tasks', 'GET, HEAD, POST'],
  ['POST', `/tasks/${unknownId}`, 'GET, HEAD, PUT, DELETE'],
  ['GET', `/tasks/${unknownId}/complete`, 'PATCH'],
])('%s %s answers 405 and which methods there are', async (method, path, allowed) => {
  const { send } = await testApi()

  const { status, headers, body } = await send(method, path)

  expect(status).toBe(405)
  expect(headers.get('allow')).toBe(allowed)
  expect(body.error.code).toBe('METHOD_NOT_ALLOWED')
})

test.each([
  ['GET', '/tasks'],
  ['POST', '/tasks'],
  ['GET', `/tasks/${unknownId}`],
  ['PUT', `/tasks/${unknownId}`],
  ['DELETE', `/tasks/${unknownId}`],
  ['PATCH', `/tasks/${unknownId}/complete`],
])('%s %s answers 401 without a token', async (method, path) => {
  const { send } = await testApi()

  const { status, headers, body } = await send(method, path, { token: '' })

  expect(status).toBe(401)
  expect(body.error.code).toBe('AUTH_MISSING')
  expect(headers.get('www-authenticate')).toBe('Bearer realm="latchkey"')
  expect(body.meta.request_id).toBe(headers.get('x-request-id'))
})

test('A route outside /api answers 404 in the one error shape', async () => {
  const { app } = await testApi()

  const response = await app.request('/')

  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: { code: 'NOT_FOUND' } })
})

test('A fault is answered with 500 and tells nothing but the request id, which the log has too', async () => {
  const { send, store, faults } = await testApi()
  store.close()

  const { status, headers, body } = await send('GET', '/tasks')

  expect(status).toBe(500)
  expect(body).toEqual({
    error: { code: 'INTERNAL_ERROR', message: 'Internal error', details: null },
    meta: { timestamp: '2026-01-01T00:00:00.000Z', request_id: headers.get('x-request-id') },
  })
  expect(faults).toEqual([`Request ${headers.get('x-request-id')} failed:`])
})
