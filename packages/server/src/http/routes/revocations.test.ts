import { once } from 'node:events'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Hono } from 'hono'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { fileHouse } from '../../../test/database-file.ts'
import type { RevocationListener } from '../../flows/follow-revocations.ts'
import { apiHouse, basic, withApi } from '../../testing/api-house.ts'
import { onSqlite } from '../../testing/test-database.ts'
import { ada, callerOf, originAt, testHouse } from '../../testing/test-house.ts'
import type { HttpDeps, HttpEnv } from '../context.ts'
import { createNodeServer } from '../node-listener.ts'
import { revocationEndpoints } from './revocations.ts'

const path = '/api/auth/revocations'

type House = Awaited<ReturnType<typeof testHouse>>

afterEach(() => {
  vi.useRealTimers()
})

const openFrom = async ({ app }: Pick<House, 'app'>, remoteAddress: string) =>
  app.fetch(new Request(`http://localhost:8000${path}`), { remoteAddress })

const open = async ({ app }: House, headers: Record<string, string> = {}, method = 'GET') =>
  app.fetch(new Request(`http://localhost:8000${path}`, { headers, method }), {})

/** Signs somebody in and out. Answers at which index that session stands. */
async function endOne(house: House): Promise<number> {
  const { accessToken } = await house.auth.logIn(ada)
  await house.auth.logOut({ caller: await callerOf(house, accessToken), scope: 'local', origin: ada.origin })
  return JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).status.status_list.idx
}

async function houseWithAda() {
  const house = await testHouse()
  await house.auth.signUp(ada)
  return house
}

/** The next piece that a stream tells. */
async function read(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  reader?.releaseLock()
  return new TextDecoder().decode(value)
}

const current = (id: number) => expect.stringMatching(new RegExp(`^event: current\nid: ${id}\ndata: {"open_seconds":`))

test('GET /api/auth/revocations begins now, and says how long it has been open', async () => {
  const house = await houseWithAda()
  await endOne(house)

  const response = await open(house)

  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const told = await read(response)
  expect(told).toEqual(current(1))
  expect(Number(/[0-9.]+(?=})/.exec(told)?.[0])).toBeLessThan(1)
})

test('GET /api/auth/revocations tells a new end by list and index, when it is committed', async () => {
  const house = await houseWithAda()
  const response = await open(house)
  await read(response)

  const index = await endOne(house)

  expect(await read(response)).toBe(`event: revoked\nid: 1\ndata: {"after":0,"lists":{"0":[${index}]}}\n\n`)
})

test('the answer to a logout does not overtake what the streams are told', async () => {
  const house = await houseWithAda()
  const server = createNodeServer(async (request, bindings) => house.app.fetch(request, bindings)).listen(
    0,
    '127.0.0.1',
  )
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ask = async (path: string, options: RequestOptions = {}): Promise<IncomingMessage> => {
    const [response] = await once(request({ port, path, agent: false, ...options }).end(), 'response')
    return response
  }
  const streams = await Promise.all(Array.from({ length: 8 }, () => ask(path)))
  const told = streams.map(() => '')
  for (const [at, stream] of streams.entries()) stream.on('data', (piece) => (told[at] += piece))
  await expect.poll(() => told.every((text) => text.includes('current'))).toBe(true)

  const known: number[] = []
  for (let end = 1; end <= 5; end += 1) {
    const { accessToken } = await house.auth.logIn(ada)
    await ask('/api/auth/logout', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } })
    known.push(told.filter((text) => text.includes(`event: revoked\nid: ${end}\n`)).length)
  }

  expect(known).toEqual(Array(5).fill(8))
})

test('GET /api/auth/revocations goes on after the Last-Event-ID, and is then up to date', async () => {
  const house = await houseWithAda()
  await endOne(house)
  const missed = [await endOne(house), await endOne(house)]

  const response = await open(house, { 'last-event-id': '1' })

  expect(await read(response)).toBe(`event: revoked\nid: 3\ndata: {"after":1,"lists":{"0":[${missed}]}}\n\n`)
  expect(await read(response)).toEqual(current(3))
})

test('GET /api/auth/revocations dates a heartbeat by when the database last answered', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const house = await fileHouse()
  const openedAt = performance.now()
  const response = await open(house)
  await read(response)
  house.database.run('alter table revocations rename to gone')
  await vi.waitFor(
    () => expect(house.lines.map(({ message }) => message)).toContain('Revocations were not read'),
    15_000,
  )
  const lastAnswerAt = performance.now()

  await expect.poll(() => performance.now() - lastAnswerAt).toBeGreaterThan(200)
  vi.advanceTimersByTime(2000)

  const openSeconds = Number(/"open_seconds":([0-9.]+)/.exec(await read(response))?.[1])
  expect(openSeconds).toBeLessThan((lastAnswerAt - openedAt) / 1000)
})

test('GET /api/auth/revocations leads on past ends that nobody needs to know of', async () => {
  const house = await houseWithAda()
  await endOne(house)
  const response = await open(house)
  await read(response)
  const { userId } = await house.auth.logIn(ada)
  house.clock.advance(26 * 3600)

  await house.auth.endSessionsOf({ emailOrId: userId, origin: ada.origin })

  expect(await read(response)).toBe('event: revoked\nid: 3\ndata: {"after":1,"lists":{}}\n\n')
  const later = await open(house, { 'last-event-id': '2' })
  expect(await read(later)).toBe('event: revoked\nid: 3\ndata: {"after":2,"lists":{}}\n\n')
  expect(await read(later)).toEqual(current(3))
})

test('GET /api/auth/revocations tells nothing twice to who is up to date', async () => {
  const house = await houseWithAda()
  await endOne(house)

  const response = await open(house, { 'last-event-id': '1' })

  expect(await read(response)).toEqual(current(1))
})

test.each(['3', 'no number', '-1', '1e3'])(
  'GET /api/auth/revocations sends who brings the Last-Event-ID %j back to the lists',
  async (id) => {
    const house = await houseWithAda()
    await endOne(house)
    await endOne(house)

    const response = await open(house, { 'last-event-id': id })

    expect(await read(response)).toBe('event: reset\nid: 2\ndata: {}\n\n')
  },
)

test('GET /api/auth/revocations tells places in lists, and nothing of anybody', async () => {
  const house = await houseWithAda()
  const { userId, accessToken } = await house.auth.logIn(ada)
  const { sessionId } = await callerOf(house, accessToken)
  await endOne(house)

  const told = await read(await open(house, { 'last-event-id': '0' }))

  expect(told).not.toContain(userId)
  expect(told).not.toContain(sessionId)
  expect(told).not.toContain('ada')
})

test('GET /api/auth/revocations counts the streams that are open in the metrics', async () => {
  const house = await testHouse()
  const counted = async () => /^latchkey_revocation_streams (.+)$/m.exec((await house.request('/metrics')).text)?.[1]
  const before = await counted()
  const [one] = [await open(house), await open(house)]

  const opened = await counted()
  await one.body?.cancel()

  expect([before, opened, await counted()]).toEqual(['0', '2', '1'])
})

/** A stream whose ends a test decides. */
async function openByHand() {
  const listeners: RevocationListener[] = []
  const revocations = {
    catchUp: async () => {},
    cursor: () => 0,
    completeAt: () => 0,
    subscribe: (listener: RevocationListener) => listeners.push(listener),
  }
  const [endpoint] = revocationEndpoints()
  const metrics = { observeStream: () => {} }
  const deps = { revocations, metrics, settings: { revocationStream: 'public' } } as unknown as HttpDeps
  const app = new Hono<HttpEnv>()
  app.use((c, next) => {
    c.set('origin', originAt('192.0.2.1'))
    c.set('headers', {})
    c.set('cookies', [])
    return next()
  })
  app.get('/', (c) => endpoint?.handle(c, deps) ?? c.notFound())
  const response = await app.request('/')
  await read(response)
  const tell = (count: number) =>
    listeners[0]?.onEnds(
      Array.from({ length: count }, (_, index) => ({ list: 0, index, sequence: index + 1 })),
      { after: 0, upTo: count },
    )
  return { response, tell }
}

test('GET /api/auth/revocations tells two thousand ends of one moment in events of at most 500', async () => {
  const { response, tell } = await openByHand()

  tell(1_999)

  const texts = (await read(response)).split('\n\n').filter((text) => text !== '')
  const events = texts.map((text) => JSON.parse(text.split('data: ')[1] ?? ''))
  expect(events.map(({ lists }) => lists[0].length)).toEqual([500, 500, 500, 499])
  expect(events.map(({ after }) => after)).toEqual([0, 500, 1_000, 1_500])
  await response.body?.cancel()
})

test('GET /api/auth/revocations ends a stream that nobody reads before it fills the memory', async () => {
  const { response, tell } = await openByHand()

  for (let count = 0; count < 20; count += 1) tell(100_000)

  let bytes = 0
  for await (const piece of response.body ?? []) bytes += piece.byteLength
  expect(bytes).toBeLessThan(6 * 1024 * 1024)
})

test('a stream ends when the server closes, and nothing of it goes on', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const house = await houseWithAda()
  const response = await open(house)
  await read(response)
  const before = vi.getTimerCount()

  house.revocations.close()

  expect(await response.body?.getReader().read()).toEqual({ done: true, value: undefined })
  expect(vi.getTimerCount()).toBe(before - 1)
  expect(() => vi.advanceTimersByTime(10_000)).not.toThrow()
})

onSqlite('a stream that its client leaves makes room for another', async () => {
  const house = await houseWithAda()
  for (let count = 0; count < 4096; count++) await (await open(house)).body?.cancel()

  const response = await open(house)

  expect(response.status).toBe(200)
})

onSqlite('HEAD /api/auth/revocations opens no stream', async () => {
  const house = await houseWithAda()
  for (let count = 0; count < 4096; count++) await open(house, {}, 'HEAD')

  const response = await open(house)

  expect(response.status).toBe(200)
})

onSqlite('the 4097th stream is refused as too much, and told when to come back', async () => {
  const house = await houseWithAda()
  for (let count = 0; count < 4096; count++) await openFrom(house, `198.51.100.${count % 16}`)

  const response = await open(house)

  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('5')
  expect(await response.json()).toMatchObject({ error: { code: 'OVERLOADED' } })
})

onSqlite('GET /api/auth/revocations lets one network open 256 streams, and shuts nobody else out', async () => {
  const house = await testHouse()
  const streams = await Promise.all(Array.from({ length: 256 }, () => openFrom(house, '192.0.2.1')))

  const oneMore = await openFrom(house, '192.0.2.1')
  const another = await openFrom(house, '192.0.2.2')
  await streams[0]?.body?.cancel()
  const inItsPlace = await openFrom(house, '192.0.2.1')

  expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))
  expect(oneMore.status).toBe(503)
  expect(oneMore.headers.get('retry-after')).toBe('5')
  expect([another.status, inItsPlace.status]).toEqual([200, 200])
})

const closed = { REVOCATION_STREAM: 'credential' }
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` })

test.each<[string, (credential: string) => Record<string, string>]>([
  ['as a Bearer', bearer],
  ['as the password of its name', (credential) => basic('tasks', credential)],
])('GET /api/auth/revocations takes the credential of an API %s where it asks for one', async (_, show) => {
  const house = await apiHouse(closed)

  const response = await open(house, show(house.credential))

  expect(response.status).toBe(200)
  expect(await read(response)).toEqual(current(0))
  await response.body?.cancel()
})

test.each<[string, (house: Awaited<ReturnType<typeof apiHouse>>) => Record<string, string>]>([
  ['nothing', () => ({})],
  ['an unknown credential', () => bearer(`lka_${'A'.repeat(43)}`)],
  ['a credential under another name', ({ credential }) => basic('other', credential)],
  ["a user's access token", ({ tokens }) => bearer(tokens.accessToken)],
])('GET and HEAD /api/auth/revocations refuse who shows %s where they ask for a credential', async (_, show) => {
  const house = await apiHouse(closed)

  const answers = [await open(house, show(house)), await open(house, show(house), 'HEAD')]

  expect(answers.map(({ status }) => status)).toEqual([401, 401])
  expect(answers[0]?.headers.get('www-authenticate')).toMatch(/Basic .*Bearer/)
  expect(await answers[0]?.json()).toMatchObject({ error: { code: 'AUTH_API_INVALID', details: null } })
})

test('GET /api/auth/revocations refuses a credential that was revoked, and audits it', async () => {
  const house = await withApi(await fileHouse(closed))
  await house.auth.revokeApi({ name: 'tasks', origin: originAt('local') })

  const response = await open(house, bearer(house.credential))

  await house.refusals.flush()
  expect(response.status).toBe(401)
  expect(
    house.database.rows("select failure_reason, api_name from auth_events where event_type = 'api_refused'"),
  ).toEqual([{ failure_reason: 'revoked', api_name: 'tasks' }])
})

test('GET /api/auth/revocations ends the streams of a credential within two heartbeats of its revocation', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const house = await apiHouse(closed)
  const { credential: another } = await house.auth.addApi({ name: 'mail', origin: originAt('local') })
  const [first, second, other] = [house.credential, house.credential, another]
  const streams = await Promise.all([first, second, other].map((credential) => open(house, bearer(credential))))
  for (const stream of streams) await read(stream)
  await house.auth.revokeApi({ name: 'tasks', origin: originAt('local') })

  vi.advanceTimersByTime(4000)

  const [one, two, kept] = streams
  await Promise.all([one, two].map((stream) => stream?.body?.pipeTo(new WritableStream())))
  vi.advanceTimersByTime(2000)
  const pieces = kept ? [await read(kept), await read(kept), await read(kept)] : []
  expect(pieces).toEqual([current(0), current(0), current(0)])
})

test('GET /api/auth/revocations limits refused credentials by address, and a good one by itself', async () => {
  const house = await apiHouse({ ...closed, RATE_LIMIT_INTROSPECT: '1/minute' })
  const ask = (address: string, headers: Record<string, string> = {}) =>
    house.request(path, { method: 'HEAD', address, headers })

  const guesses = [await ask('192.0.2.7'), await ask('192.0.2.7')]
  const good = [await ask('192.0.2.8', bearer(house.credential)), await ask('192.0.2.9', bearer(house.credential))]

  expect(guesses.map(({ status }) => status)).toEqual([401, 429])
  expect(good.map(({ status }) => status)).toEqual([200, 429])
})

test('GET /api/auth/revocations bounds the streams of one network, with a credential too', async () => {
  const house = await apiHouse(closed)
  const openOne = () =>
    house.app.fetch(new Request(`http://localhost:8000${path}`, { headers: bearer(house.credential) }), {
      remoteAddress: '192.0.2.1',
    })
  const streams = await Promise.all(Array.from({ length: 256 }, openOne))

  const oneMore = await openOne()

  expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))
  expect(oneMore.status).toBe(503)
  await Promise.all(streams.map(({ body }) => body?.cancel()))
})

test('the status lists stay open to everyone where the stream takes a credential', async () => {
  const { request } = await apiHouse(closed)

  const lists = await request('/.well-known/status-lists')
  const list = await request('/.well-known/status-lists/0')

  expect([lists, list].map(({ status }) => status)).toEqual([200, 200])
})
