import { once } from 'node:events'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ada, testHouse } from '../src/testing/test-house.ts'
import { temporaryFolder } from './database-file.ts'
import { serve } from './processes.ts'
import { answersOf } from './raw-answers.ts'
import { bytesUntilClosed, dial, head, listen, post } from './raw-socket.ts'

const host = 'Host: localhost'
const ask = head('GET /healthz HTTP/1.1', host)
const askLast = head('GET /healthz HTTP/1.1', host, 'Connection: close')
const login = head('POST /api/auth/login HTTP/1.1', host, 'Content-Type: application/json', 'Content-Length: 50')
const short = { headersMilliseconds: 200, requestMilliseconds: 300, idleMilliseconds: 100, checkMilliseconds: 20 }
const drip = 30

type Limits = Parameters<typeof listen>[1]

async function servedHouse(limits: Limits = {}) {
  const house = await testHouse()
  return { ...house, ...(await listen(house.app.fetch, limits)) }
}

/** What came until the server closed: the codes of refusals, or the statuses. */
async function answersOn(socket: Socket): Promise<(string | number)[]> {
  const answers = answersOf(await bytesUntilClosed(socket))
  return answers.map(({ status, body }) => (status < 400 ? status : JSON.parse(body).error.code))
}

/** By an end or by a reset. */
function untilLetGo(socket: Socket): Promise<void> {
  return new Promise((done) => {
    for (const event of ['end', 'close'] as const) socket.once(event, () => done())
    socket.resume()
  })
}

/** Sends one character after the other until the connection ends. */
function dripInto(socket: Socket, text: string): void {
  let at = 0
  const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), drip)
  socket.once('close', () => clearInterval(timer))
}

test('a server waits 10 seconds for headers, 15 for a request and 5 for the next, and takes 100 headers of 16 KiB', async () => {
  const { server } = await servedHouse()

  expect(server).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 5000,
    maxHeadersCount: 100,
  })
})

test('a client that sends nothing is let go', async () => {
  const { port } = await servedHouse(short)

  const answers = await answersOn(await dial(port))

  expect(answers).toEqual(['REQUEST_TIMEOUT'])
})

test('slowloris: headers that come one by one, without end, are refused with 408 in the one error shape', async () => {
  const { port } = await servedHouse(short)
  const socket = await dial(port)
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n')
  dripInto(socket, 'X: y\r\n')

  const answers = await answersOn(socket)

  expect(answers).toEqual(['REQUEST_TIMEOUT'])
})

test('a body that comes one byte at a time, without end, is refused', async () => {
  const { port } = await servedHouse(short)
  const socket = await dial(port)
  socket.write(login)
  dripInto(socket, ' ')

  const answers = await answersOn(socket)

  expect(answers).toEqual(['REQUEST_TIMEOUT'])
})

test('a client that stays after its answer and asks nothing more is let go', async () => {
  const { port } = await servedHouse({ ...short, idleMilliseconds: 50 })
  const socket = await dial(port)
  socket.write(ask)

  const answers = await answersOn(socket)

  expect(answers).toEqual([200])
})

test('a client that half-closes in the middle of its body is let go', async () => {
  const { port } = await servedHouse()
  const socket = await dial(port)
  socket.end(`${login}{"email"`)

  const bytes = await bytesUntilClosed(socket)

  expect(answersOf(bytes).filter(({ status }) => status < 400 || status >= 500)).toEqual([])
})

test('500 requests in one piece are answered one after the other, and others are served meanwhile', async () => {
  const { port, send } = await servedHouse()
  const socket = await dial(port)
  socket.write(ask.repeat(499) + askLast)
  const pipelined = answersOn(socket)

  const [other] = await send(askLast)

  expect(other?.status).toBe(200)
  expect(await pipelined).toEqual(Array.from({ length: 500 }, () => 200))
})

test('a body in gzip is refused and not unpacked', async () => {
  const { send } = await servedHouse()
  const bomb = gzipSync(' '.repeat(10_000_000))

  const [answer] = await send(post('/api/auth/login', bomb, ['Content-Encoding: gzip']))

  expect(answer?.status).toBe(415)
})

test('where a server holds as many connections as it may, the one that is idle longest makes room', async () => {
  const { port, send } = await servedHouse({ inAll: 3 })
  const [first, second, third] = await Promise.all([dial(port), dial(port), dial(port)])
  first.write(ask)
  await once(first, 'data')
  const ended = untilLetGo(second)

  const [answer] = await send(askLast)

  await ended
  expect(answer?.status).toBe(200)
  expect([first.destroyed, third.destroyed]).toEqual([false, false])
})

test('a client that dribbles a body is idle: it makes room, too', async () => {
  const { port, send } = await servedHouse({ inAll: 1 })
  const slow = await dial(port)
  slow.write(`${login}{`)
  const ended = untilLetGo(slow)

  const [answer] = await send(askLast)

  await ended
  expect(answer?.status).toBe(200)
})

test('a network that has its share of connections makes room for itself, and takes none from others', async () => {
  const { port } = await servedHouse({ perNetwork: 2 })
  const other = await dial(port, '127.0.0.9')
  const [greedy, later] = [await dial(port, '127.0.0.8'), await dial(port, '127.0.0.8')]
  const ended = untilLetGo(greedy)

  const last = await dial(port, '127.0.0.8')

  await ended
  for (const socket of [other, later, last]) socket.write(askLast)
  expect(await Promise.all([other, later, last].map(answersOn))).toEqual([[200], [200], [200]])
})

test('a trusted proxy stands for many: it has no share', async () => {
  const { port } = await servedHouse({ perNetwork: 2, trustedProxies: ['127.0.0.8/32'] })
  const sockets = [await dial(port, '127.0.0.8'), await dial(port, '127.0.0.8'), await dial(port, '127.0.0.8')]

  for (const socket of sockets) socket.write(askLast)

  expect(await Promise.all(sockets.map(answersOn))).toEqual([[200], [200], [200]])
})

test('a client that waits for its answer is not ended to make room: the new one is', async () => {
  const { port, auth } = await servedHouse({ inAll: 1 })
  await auth.signUp(ada)
  const waiting = await dial(port)
  waiting.write(head('GET /api/auth/revocations HTTP/1.1', host))
  await once(waiting, 'data')

  const refused = await bytesUntilClosed(await dial(port))

  expect(refused.length).toBe(0)
  expect(waiting.destroyed).toBe(false)
})

test('a new client is served while 1,000 idle ones are held', { timeout: 60_000 }, async () => {
  const { port, request, child } = await serve({ folder: temporaryFolder() })
  const held = await Promise.all(Array.from({ length: 1000 }, (_, at) => dial(port, `127.3.0.${1 + (at % 250)}`)))

  const { status } = await request('/healthz')

  expect(status).toBe(200)
  expect(held.filter(({ destroyed }) => destroyed)).toEqual([])
  expect(child.exitCode).toBeNull()
})
