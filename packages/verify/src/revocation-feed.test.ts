import { afterEach, expect, test, vi } from 'vitest'
import { followRevocations, type RevocationFeed } from './revocation-feed.ts'
import { currentEvent, revokedEvent, testIssuer } from './testing/issuer.ts'
import { deadAddress, serve } from './testing/server.ts'
import { startOfTime } from './testing/tokens.ts'

const [one, two] = ['5b1f6f0e-8f0a-4d3c-9a55-0c7d2c1e4f01', '5b1f6f0e-8f0a-4d3c-9a55-0c7d2c1e4f02']
const exp = startOfTime + 3_600
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

interface Changes {
  silenceMilliseconds?: number
  patienceMilliseconds?: number
}

/** A feed of the issuer with a clock for staleness that is moved by hand. */
function testFeed(issuer: string, changes: Changes = {}): { feed: RevocationFeed; clock: { milliseconds: number } } {
  const clock = { milliseconds: 0 }
  const feed = followRevocations({
    issuer,
    maxStalenessSeconds: 30,
    now: () => startOfTime * 1_000,
    elapsed: () => clock.milliseconds,
    ...changes,
  })
  endings.push(feed.close)
  return { feed, clock }
}

async function openIssuer(port = 0) {
  const issuer = await testIssuer({ port })
  endings.push(issuer.close)
  return issuer
}

const stale = { code: 'REVOCATIONS_STALE', status: 503 }

test('followRevocations() knows all revocations once the issuer has said that it is current', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const listener = await issuer.nextListener()

  listener.send(revokedEvent('1', { sid: one, exp }) + revokedEvent('2', { sid: two, exp }) + currentEvent('2'))
  await feed.assertFresh()

  expect([feed.isRevoked(one), feed.isRevoked(two), feed.isRevoked('other')]).toEqual([true, true, false])
  expect(feed.status()).toEqual({ state: 'fresh', sessions: 2, problem: undefined })
})

test('followRevocations() sends no cursor at first, and the last one when it comes back', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const first = await issuer.nextListener()
  first.send(revokedEvent('41', { sid: one, exp }) + currentEvent('42'))
  await feed.assertFresh()

  first.cut()
  const second = await issuer.nextListener()

  expect([first.lastEventId, second.lastEventId]).toEqual([undefined, '42'])
  expect(feed.isRevoked(one)).toBe(true)
})

test('followRevocations() comes back when the issuer ends the stream in the middle of an event', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const first = await issuer.nextListener()
  first.send(currentEvent('1') + revokedEvent('2', { sid: one, exp }).slice(0, -20))
  await feed.assertFresh()

  first.cut()
  const second = await issuer.nextListener()
  second.send(revokedEvent('2', { sid: one, exp }) + currentEvent('2'))

  expect(second.lastEventId).toBe('1')
  await vi.waitFor(() => expect(feed.isRevoked(one)).toBe(true))
})

test('followRevocations() finds an issuer that starts after it', async () => {
  const { port, url } = await deadAddress()
  const { feed } = testFeed(url)
  await vi.waitFor(() => expect(feed.status().problem).toMatch('ECONNREFUSED'))

  const issuer = await openIssuer(port)
  const waiting = Promise.resolve(feed.assertFresh())
  const listener = await issuer.nextListener()
  listener.send(currentEvent('1'))

  await expect(waiting).resolves.toBeUndefined()
})

test('followRevocations() finds an issuer that was restarted and keeps what it knew', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const first = await issuer.nextListener()
  first.send(revokedEvent('1', { sid: one, exp }) + currentEvent('1'))
  await feed.assertFresh()

  await issuer.close()
  const again = await openIssuer(issuer.port)
  const second = await again.nextListener()
  second.send(`event: reset\nid: 9\ndata: {}\n\n${revokedEvent('9', { sid: two, exp })}${currentEvent('9')}`)

  await vi.waitFor(() => expect(feed.isRevoked(two)).toBe(true))
  expect(feed.isRevoked(one)).toBe(true)
})

test('followRevocations() takes a revocation that comes twice', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const listener = await issuer.nextListener()

  listener.send(revokedEvent('1', { sid: one, exp }, { sid: one, exp }) + revokedEvent('1', { sid: one, exp }))
  listener.send(currentEvent('1'))
  await feed.assertFresh()

  expect(feed.status().sessions).toBe(1)
})

test('followRevocations() is stale when the issuer was not current for longer than allowed', async () => {
  const issuer = await openIssuer()
  const { feed, clock } = testFeed(issuer.url)
  const listener = await issuer.nextListener()
  listener.send(currentEvent('1'))
  await feed.assertFresh()

  clock.milliseconds += 30_000
  expect(feed.assertFresh()).toBeUndefined()
  clock.milliseconds += 1
  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
  expect(feed.status().state).toBe('stale')
})

test('followRevocations() is fresh again at the next heartbeat', async () => {
  const issuer = await openIssuer()
  const { feed, clock } = testFeed(issuer.url)
  const listener = await issuer.nextListener()
  listener.send(currentEvent('1'))
  await feed.assertFresh()
  clock.milliseconds += 31_000

  listener.send(currentEvent('1'))

  await vi.waitFor(() => expect(feed.status().state).toBe('fresh'))
})

test('followRevocations() does not count revocations alone as current', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url, { patienceMilliseconds: 50 })
  const listener = await issuer.nextListener()

  listener.send(revokedEvent('1', { sid: one, exp }))

  await expect(feed.assertFresh()).rejects.toMatchObject(stale)
})

test('followRevocations() waits for the first word of the issuer and then gives up with 503', async () => {
  const { url } = await deadAddress()
  const { feed } = testFeed(url, { patienceMilliseconds: 50 })

  const [first, second] = await Promise.allSettled([feed.assertFresh(), feed.assertFresh()])

  expect([first, second]).toMatchObject([{ reason: stale }, { reason: stale }])
  expect(feed.status().state).toBe('waiting')
})

test('followRevocations() leaves a connection that has fallen silent', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url, { silenceMilliseconds: 100 })
  const first = await issuer.nextListener()
  first.send(currentEvent('1'))
  await feed.assertFresh()

  const second = await issuer.nextListener()

  expect(second.lastEventId).toBe('1')
  expect(feed.status().problem).toMatch('fell silent')
})

test.each([
  ['broken JSON', 'event: revoked\nid: 2\ndata: {"sessions":[\n\n'],
  ['no sessions', 'event: revoked\nid: 2\ndata: {}\n\n'],
  ['a session without an end', `event: revoked\nid: 2\ndata: {"sessions":[{"sid":"${one}"}]}\n\n`],
  ['a session whose end is text', `event: revoked\nid: 2\ndata: {"sessions":[{"sid":"${one}","exp":"1"}]}\n\n`],
  ['a session without a name', 'event: revoked\nid: 2\ndata: {"sessions":[{"sid":"","exp":1}]}\n\n'],
  ['an id that fits no header', 'event: current\nid: a b\ndata: {}\n\n'],
  ['bytes that are not UTF-8', Buffer.of(0xff, 0x0a)],
])('followRevocations() drops a connection that brings %s and asks for it again', async (_, text) => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const first = await issuer.nextListener()
  first.send(currentEvent('1'))
  await feed.assertFresh()

  first.send(text)
  const second = await issuer.nextListener()

  expect(second.lastEventId).toBe('1')
  expect(feed.isRevoked(one)).toBe(false)
})

test('followRevocations() ignores events of a kind it does not know', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const listener = await issuer.nextListener()

  listener.send(`event: later\nid: 1\ndata: not JSON\n\n${currentEvent('2')}`)

  await expect(Promise.resolve(feed.assertFresh())).resolves.toBeUndefined()
})

test.each([
  ['another status', 503, 'text/event-stream'],
  ['a redirect', 302, 'text/event-stream'],
  ['another media type', 200, 'text/html'],
])('followRevocations() reads nothing from an answer with %s', async (_, status, type) => {
  const server = await serve((_request, response) => {
    response.writeHead(status, { 'content-type': type, location: '/elsewhere' }).end(currentEvent('1'))
  })
  endings.push(server.close)
  const { feed } = testFeed(server.url, { patienceMilliseconds: 100 })

  await expect(feed.assertFresh()).rejects.toMatchObject(stale)
  expect(feed.status().problem).toBe(`the answer was ${status} ${type}`)
})

test('followRevocations() lets nobody pass after close(), at once', async () => {
  const issuer = await openIssuer()
  const { feed } = testFeed(issuer.url)
  const waiting = Promise.resolve(feed.assertFresh())

  feed.close()

  await expect(waiting).rejects.toMatchObject(stale)
  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
  expect(feed.status().state).toBe('closed')
})
