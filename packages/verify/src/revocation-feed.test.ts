import { afterEach, expect, test, vi } from 'vitest'
import { keepAliveAgent } from './http-request.ts'
import { algorithms, readKeySet } from './keys.ts'
import { type FeedEndpoints, followRevocations, type RevocationFeed } from './revocation-feed.ts'
import { currentEvent, listTokenOf, resetEvent, revokedEvent, testIssuer } from './testing/issuer.ts'
import { deadAddress, serve } from './testing/server.ts'
import { es256Key, startOfTime } from './testing/tokens.ts'
import { TokenError } from './token-error.ts'

const listKey = es256Key('lists')
const ring = readKeySet({ keys: [listKey.jwk] }, algorithms)
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

interface Changes {
  endpoints?: FeedEndpoints
  silenceMilliseconds?: number
  patienceMilliseconds?: number
  streamPatienceMilliseconds?: number
  maxStalenessSeconds?: number
  onStale?: 'reject' | 'introspect' | 'accept'
}

const endpointsOf = (issuer: string) => ({
  statusLists: `${issuer}/.well-known/status-lists`,
  revocationStream: `${issuer}/api/auth/revocations`,
})

/** A feed of the issuer with clocks that are moved by hand. */
function testFeed(issuer: string, { endpoints = endpointsOf(issuer), ...changes }: Changes = {}) {
  const clock = { milliseconds: 0, wall: startOfTime * 1_000 }
  const agent = keepAliveAgent(issuer, 8)
  endings.push(() => agent.destroy())
  const feed = followRevocations({
    issuer,
    agent,
    findEndpoints: async () => ({ ...endpoints }),
    findKey: async ({ algorithm, keyId }) => {
      const key = ring.find(algorithm, keyId)
      if (!key) throw new TokenError('AUTH_INVALID')
      return key
    },
    maxStalenessSeconds: 30,
    now: () => clock.wall + clock.milliseconds,
    elapsed: () => clock.milliseconds,
    ...changes,
  })
  endings.push(feed.close)
  const isRevoked = (list: number, index: number) =>
    feed.isRevoked({ uri: `${issuer}/.well-known/status-lists/${list}`, index })
  return { feed, clock, isRevoked }
}

async function openIssuer(port = 0) {
  const issuer = await testIssuer({ port, listKey })
  endings.push(issuer.close)
  return issuer
}

/** An issuer and a feed that has loaded its lists and follows its stream. */
async function followed(changes: Changes = {}) {
  const issuer = await openIssuer()
  const { feed, clock, isRevoked } = testFeed(issuer.url, changes)
  await feed.assertFresh()
  return { issuer, feed, clock, isRevoked, listener: await issuer.nextListener() }
}

const arrived = (condition: () => boolean) => expect.poll(condition, { interval: 2 }).toBe(true)
const isFresh = ({ status }: RevocationFeed) => status().state === 'fresh'

const stale = { code: 'REVOCATIONS_STALE', status: 503 }

test('followRevocations() knows all lists when it is fresh, and follows the stream from there', async () => {
  const issuer = await openIssuer()
  issuer.revoke(0, 5, 65_535)
  issuer.revoke(2, 0)
  const { feed, isRevoked } = testFeed(issuer.url)

  await feed.assertFresh()

  const asked = [isRevoked(0, 5), isRevoked(0, 65_535), isRevoked(2, 0), isRevoked(0, 4), isRevoked(3, 5)]
  expect(asked).toEqual([true, true, true, false, false])
  expect((await issuer.nextListener()).lastEventId).toBe('3')
  expect(feed.status()).toMatchObject({ state: 'fresh', cursor: '3', lists: 3 })
})

test('followRevocations() sets the bits that the stream tells, also of lists that began since', async () => {
  const { listener, isRevoked } = await followed()

  listener.send(`event: revoked\nid: 3\ndata: {"after":0,"lists":{"0":[7,9],"12":[1]}}\n\n`)

  await arrived(() => isRevoked(12, 1))
  expect([isRevoked(0, 7), isRevoked(0, 9), isRevoked(0, 8)]).toEqual([true, true, false])
})

test('followRevocations() goes on from the least complete of the lists, which a cache may have given', async () => {
  const issuer = await openIssuer()
  issuer.revoke(0, 1)
  issuer.setCursor(70)
  const addresses = JSON.stringify({ status_lists: [issuer.uriOf(0)] })
  issuer.answerLists((request, response) => {
    const isList = request.url?.endsWith('/0')
    response.setHeader('revocation-cursor', isList ? '41' : '70')
    response.end(isList ? listTokenOf(listKey, { uri: issuer.uriOf(0), issuer: issuer.url }) : addresses)
  })
  testFeed(issuer.url)

  expect((await issuer.nextListener()).lastEventId).toBe('41')
})

test('followRevocations() comes back with its newest cursor, and keeps what it knew', async () => {
  const { issuer, listener, isRevoked } = await followed()
  listener.send(revokedEvent('1', 0, 1) + currentEvent('1'))
  await arrived(() => isRevoked(0, 1))

  listener.cut()

  expect((await issuer.nextListener()).lastEventId).toBe('1')
  expect(isRevoked(0, 1)).toBe(true)
})

test('followRevocations() comes back when the stream is cut in the middle of an event', async () => {
  const { issuer, listener, feed, isRevoked } = await followed()
  listener.send(revokedEvent('1', 0, 7) + revokedEvent('2', 0, 8).slice(0, -9))
  await arrived(() => feed.status().cursor === '1')

  listener.cut()
  const second = await issuer.nextListener()
  second.send(revokedEvent('2', 0, 8))

  expect(second.lastEventId).toBe('1')
  await arrived(() => isRevoked(0, 8))
})

test('followRevocations() leaves the stream for another when the issuer says that it is elsewhere', async () => {
  const [issuer, elsewhere] = [await openIssuer(), await openIssuer()]
  const endpoints = endpointsOf(issuer.url)
  const { feed, clock, isRevoked } = testFeed(issuer.url, { endpoints, maxStalenessSeconds: 0.4 })
  await feed.assertFresh()
  const left = await issuer.nextListener()

  endpoints.revocationStream = endpointsOf(elsewhere.url).revocationStream
  clock.milliseconds += 1_000
  const listener = await elsewhere.nextListener()
  left.send(revokedEvent('1', 0, 1))
  listener.send(revokedEvent('1', 0, 2))

  await arrived(() => isRevoked(0, 2))
  expect(isRevoked(0, 1)).toBe(false)
})

test('followRevocations() finds an issuer that starts after it', async () => {
  const { port, url } = await deadAddress()
  const { feed } = testFeed(url)
  await expect.poll(() => feed.status().problem).toMatch('ECONNREFUSED')
  const waiting = Promise.resolve(feed.assertFresh())

  await openIssuer(port)

  await expect(waiting).resolves.toBeUndefined()
})

test('followRevocations() finds an issuer that was restarted, and reads the lists when it is sent back to them', async () => {
  const { issuer, listener, feed, isRevoked } = await followed()
  listener.send(revokedEvent('1', 0, 1))
  await arrived(() => isRevoked(0, 1))

  await issuer.close()
  const again = await openIssuer(issuer.port)
  again.revoke(0, 2)
  const second = await again.nextListener()
  second.send(resetEvent('1') + currentEvent('1'))
  const third = await again.nextListener()

  expect([second.lastEventId, third.lastEventId]).toEqual(['1', '1'])
  expect([isRevoked(0, 1), isRevoked(0, 2)]).toEqual([true, true])
  expect(isFresh(feed)).toBe(true)
})

test('followRevocations() counts nothing as proven that a stream tells after it sent back to the lists', async () => {
  const { issuer, listener, feed, clock } = await followed()
  issuer.answerLists((_, response) => response.writeHead(500).end())
  clock.milliseconds += 31_000

  listener.send(resetEvent('0') + currentEvent('0', 31))

  await expect.poll(() => feed.status().problem).toMatch('answered with 500')
  expect(feed.status().state).toBe('stale')
})

test('followRevocations() keeps a bit that the stream told when an older list comes after it', async () => {
  const { issuer, listener, feed, isRevoked } = await followed()
  issuer.revoke(0, 3)
  listener.send(revokedEvent('1', 0, 9) + resetEvent('1'))

  await issuer.nextListener()

  expect([isRevoked(0, 3), isRevoked(0, 9)]).toEqual([true, true])
  expect(feed.status().lists).toBe(1)
})

test('followRevocations() takes a revocation that comes twice', async () => {
  const { listener, feed, isRevoked } = await followed()

  listener.send(revokedEvent('1', 0, 1) + revokedEvent('2', 0, 2) + revokedEvent('1', 0, 1) + currentEvent('2'))

  await arrived(() => feed.status().problem === undefined && isRevoked(0, 2))
  expect(feed.status().cursor).toBe('2')
})

test('followRevocations() asks again for what the stream left out, and keeps what came after it', async () => {
  const { issuer, listener, isRevoked } = await followed()

  listener.send(revokedEvent('1', 0, 1) + revokedEvent('3', 0, 3))

  expect((await issuer.nextListener()).lastEventId).toBe('1')
  expect([isRevoked(0, 1), isRevoked(0, 2), isRevoked(0, 3)]).toEqual([true, false, true])
})

test('followRevocations() believes no heartbeat when an event before it was lost', async () => {
  const { issuer, feed, clock, listener } = await followed()
  clock.milliseconds += 31_000

  listener.send(currentEvent('1', 31))

  expect((await issuer.nextListener()).lastEventId).toBe('0')
  expect(feed.status()).toMatchObject({ state: 'stale', problem: expect.stringMatching('left something out') })
})

test('followRevocations() is stale when its newest proof is older than allowed', async () => {
  const { feed, clock } = await followed()

  clock.milliseconds += 30_000
  expect(feed.assertFresh()).toBeUndefined()
  clock.milliseconds += 1
  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
  expect(feed.status()).toMatchObject({ state: 'stale', lagMilliseconds: 30_001 })
})

test('followRevocations() is stale when the machine slept, though one clock stood still', async () => {
  const { feed, clock } = await followed()

  clock.wall += 30_001

  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
})

test('followRevocations() is stale in time when the other clock was set back', async () => {
  const { feed, clock } = await followed()
  clock.wall -= 3_600_000

  clock.milliseconds += 30_001

  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
})

test('followRevocations() accepts what is stale where it was told to, but for what is revoked or closed', async () => {
  const { feed, clock, listener, isRevoked } = await followed({ onStale: 'accept' })
  listener.send(revokedEvent('1', 0, 1))
  await arrived(() => isRevoked(0, 1))

  clock.milliseconds += 3_600_000

  expect(feed.assertFresh()).toBeUndefined()
  expect(feed.status().state).toBe('stale')
  expect(isRevoked(0, 1)).toBe(true)
  feed.close()
  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
})

test('followRevocations() is fresh again at the next heartbeat', async () => {
  const { feed, clock, listener } = await followed()
  clock.milliseconds += 31_000

  listener.send(currentEvent('0', 31))

  await arrived(() => isFresh(feed))
})

test('followRevocations() dates a heartbeat by what it says, not by when a proxy let it through', async () => {
  const { feed, clock, listener } = await followed()
  clock.milliseconds += 50_000

  listener.send(currentEvent('0', 15) + currentEvent('0', 25))

  await expect.poll(() => feed.status().lagMilliseconds).toBe(25_000)
  clock.wall += 10_000
  expect(feed.status().lagMilliseconds).toBe(35_000)
})

test('followRevocations() lets no older proof take the place of a newer one', async () => {
  const { feed, clock, listener, isRevoked } = await followed()
  clock.milliseconds += 50_000

  listener.send(currentEvent('0', 25) + currentEvent('0', 15) + revokedEvent('1', 0, 1))

  await arrived(() => isRevoked(0, 1))
  expect(feed.status().lagMilliseconds).toBe(25_000)
})

/** A feed that has loaded its lists, and polls when a test moves its timers on; its stream may say nothing for long. */
async function followedByHand() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  endings.push(() => vi.useRealTimers())
  const issuer = await openIssuer()
  const { feed, clock } = testFeed(issuer.url, { silenceMilliseconds: 3_600_000 })
  vi.advanceTimersByTime(0)
  await feed.assertFresh()
  const poll = async () => {
    vi.advanceTimersByTime(7_500)
    // What was asked for by then has come before this.
    await fetch(`${issuer.url}/.well-known/jwks.json`)
  }
  return { issuer, feed, clock, poll, listener: await issuer.nextListener() }
}

/** Waits without moving timers on, as a poll would. */
async function until(condition: () => boolean) {
  const givesUpAt = performance.now() + 5_000
  while (!condition() && performance.now() < givesUpAt) await new Promise(setImmediate)
  expect(condition()).toBe(true)
}

test('followRevocations() reads the lists again once an hour, or when nothing has proven them for a poll', async () => {
  const { issuer, feed, clock, poll, listener } = await followedByHand()
  const loads = () => issuer.requestsOf('/.well-known/status-lists')
  const counted: number[] = []
  clock.milliseconds = 3_600_000
  listener.send(currentEvent('0', 3_600))
  await until(() => feed.status().lagMilliseconds === 0)
  await poll()
  counted.push(loads())

  clock.milliseconds += 1
  await poll()
  await until(() => loads() === 2 && feed.status().lagMilliseconds === 0)
  clock.milliseconds += 7_499
  await poll()
  counted.push(loads())
  clock.milliseconds += 1
  await poll()
  await until(() => loads() === 3)

  expect(counted).toEqual([1, 2])
  expect(issuer.requestsOf('/api/auth/revocations')).toBe(1)
})

test('followRevocations() reads the lists once at a time', async () => {
  const { issuer, feed, clock, poll, listener } = await followedByHand()
  const held: (() => void)[] = []
  issuer.answerLists((_, response) => held.push(() => response.end()))
  clock.milliseconds += 31_000
  await poll()
  await until(() => held.length === 1)

  listener.send(resetEvent('0'))
  await until(() => feed.status().problem === undefined)
  await poll()

  expect(held).toHaveLength(1)
})

test('followRevocations() has no timers but that of its next poll and that of the silence of its stream', async () => {
  const { issuer, feed, listener } = await followedByHand()
  await until(() => vi.getTimerCount() === 2)

  const connected = feed.connected()
  expect(vi.getTimerCount()).toBe(3)
  listener.send(currentEvent('0'))
  await connected
  expect(vi.getTimerCount()).toBe(2)
  listener.send(resetEvent('0'))
  await until(() => vi.getTimerCount() === 1)
  vi.advanceTimersByTime(0)
  await issuer.nextListener()
  await until(() => vi.getTimerCount() === 2)

  feed.close()
  await until(() => vi.getTimerCount() === 0)
})

test('followRevocations() believes no heartbeat from the future', async () => {
  const { feed, clock, listener } = await followed()
  listener.send(currentEvent('0', 4_000) + revokedEvent('1', 0, 1))
  await arrived(() => feed.status().cursor === '1')

  clock.milliseconds += 30_001

  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
})

test('followRevocations() does not count revocations alone as proof', async () => {
  const { feed, clock, listener, isRevoked } = await followed()
  clock.milliseconds += 31_000

  listener.send(revokedEvent('1', 0, 1))

  await arrived(() => isRevoked(0, 1))
  expect(feed.status().state).toBe('stale')
})

test('followRevocations() polls the lists by their tags while the stream is silent', async () => {
  const { issuer, feed, clock, isRevoked } = await followed({ maxStalenessSeconds: 0.4 })
  issuer.revoke(1, 4)
  clock.milliseconds += 1_000

  await arrived(() => isRevoked(1, 4))
  clock.milliseconds += 300
  await expect.poll(() => issuer.requestsOf('/.well-known/status-lists/1')).toBeGreaterThan(1)

  await arrived(() => isFresh(feed))
})

test('followRevocations() takes off the age of an answer that a cache gave', async () => {
  const issuer = await openIssuer()
  issuer.answerLists((_, response) => {
    response.writeHead(200, { 'revocation-cursor': '0', age: '20' }).end('{"status_lists":[]}')
  })
  const { feed } = testFeed(issuer.url)

  await feed.assertFresh()

  expect(feed.status().lagMilliseconds).toBe(20_000)
})

test('freshMilliseconds() tells for how long nothing need be asked, by the clock that has gone further', async () => {
  const { feed, clock, listener } = await followed()
  const { feed: accepting, clock: other } = await followed({ onStale: 'accept' })
  clock.milliseconds += 31_000
  listener.send(currentEvent('0', 31))
  await arrived(() => isFresh(feed))
  const { url } = await deadAddress()

  expect(testFeed(url).feed.freshMilliseconds()).toBe(0)
  expect(feed.freshMilliseconds()).toBe(30_000)
  clock.milliseconds += 10_000
  expect(feed.freshMilliseconds()).toBe(20_000)
  clock.wall += 5_000
  expect(feed.freshMilliseconds()).toBe(15_000)
  expect(feed.status().lagMilliseconds).toBe(15_000)
  clock.wall -= 10_000
  expect(feed.freshMilliseconds()).toBe(20_000)
  expect(feed.status().lagMilliseconds).toBe(10_000)
  clock.milliseconds += 30_000
  expect(feed.freshMilliseconds()).toBe(0)
  other.milliseconds += 60_000
  expect(accepting.freshMilliseconds()).toBe(30_000)
  accepting.close()
  expect(accepting.freshMilliseconds()).toBe(0)
})

test('followRevocations() lets who asks later wait again, and all who ask at once together', async () => {
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const waits = () => timers.mock.calls.filter(([, milliseconds]) => milliseconds === 51).length
  const { url } = await deadAddress()
  const { feed } = testFeed(url, { patienceMilliseconds: 51 })

  await Promise.allSettled([feed.assertFresh(), feed.assertFresh()])
  const together = waits()
  await expect(feed.assertFresh()).rejects.toMatchObject(stale)

  expect([together, waits()]).toEqual([1, 2])
})

test('followRevocations() asks again ever later while the lists cannot be had', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const { url } = await deadAddress()
  testFeed(url)
  const waits = () => timers.mock.calls.map(([, milliseconds]) => Number(milliseconds)).filter((wait) => wait < 5_000)

  await arrived(() => waits().length === 3)

  expect(waits()).toEqual([0, 100, 200])
})

test('followRevocations() reads the lists at once when it is sent back to them, and later when that comes again', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { issuer, listener, feed } = await followed()
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const waits = () =>
    timers.mock.calls.map(([, milliseconds]) => milliseconds).filter((wait) => wait === 0 || wait === 200)

  listener.send(resetEvent('0'))
  const second = await issuer.nextListener()
  second.send(resetEvent('0'))
  const third = await issuer.nextListener()
  third.send(currentEvent('0'))
  await arrived(() => feed.status().problem === undefined)
  third.send(resetEvent('0'))
  await issuer.nextListener()

  expect(waits()).toEqual([0, 200, 0])
})

test('followRevocations() follows no stream when it was closed while it read the lists', async () => {
  const issuer = await openIssuer()
  const answers: (() => void)[] = []
  issuer.answerLists((_, response) => {
    response.setHeader('revocation-cursor', '0')
    answers.push(() => response.end('{"status_lists":[]}'))
  })
  const { feed } = testFeed(issuer.url)
  await arrived(() => answers.length === 1)

  feed.close()
  answers[0]?.()

  // What was answered before has come by then.
  await fetch(`${issuer.url}/.well-known/jwks.json`)
  expect(feed.status()).toMatchObject({ state: 'closed', cursor: undefined })
  expect(issuer.requestsOf('/api/auth/revocations')).toBe(0)
})

test('followRevocations() waits for the lists and then gives up with 503', async () => {
  const { url } = await deadAddress()
  const { feed } = testFeed(url, { patienceMilliseconds: 50 })

  const [first, second] = await Promise.allSettled([feed.assertFresh(), feed.assertFresh()])

  expect([first, second]).toMatchObject([{ reason: stale }, { reason: stale }])
  expect(feed.status()).toMatchObject({ state: 'waiting', cursor: undefined, lagMilliseconds: undefined })
})

test('followRevocations() leaves a connection that has fallen silent', async () => {
  const { issuer, feed, listener } = await followed({ silenceMilliseconds: 100 })
  listener.send(revokedEvent('1', 0, 1))

  const second = await issuer.nextListener()

  expect(second.lastEventId).toBe('1')
  expect(feed.status().problem).toMatch('fell silent')
})

test.each([
  ['broken JSON', 'event: revoked\nid: 2\ndata: {"lists":{\n\n'],
  ['no lists', 'event: revoked\nid: 2\ndata: {"after":1}\n\n'],
  ['lists that are none', 'event: revoked\nid: 2\ndata: {"after":1,"lists":[[1]]}\n\n'],
  ['a list without a number', 'event: revoked\nid: 2\ndata: {"after":1,"lists":{"x":[0]}}\n\n'],
  ['a list of another spelling', 'event: revoked\nid: 2\ndata: {"after":1,"lists":{"00":[0]}}\n\n'],
  ['an index that is text', 'event: revoked\nid: 2\ndata: {"after":1,"lists":{"0":["0"]}}\n\n'],
  ['an index out of range', 'event: revoked\nid: 2\ndata: {"after":1,"lists":{"0":[65536]}}\n\n'],
  ['a revocation that follows on nothing', 'event: revoked\nid: 2\ndata: {"lists":{"0":[0]}}\n\n'],
  ['a revocation without a number', 'event: revoked\nid: x\ndata: {"after":1,"lists":{"0":[2]}}\n\n'],
  ['a heartbeat without its time', 'event: current\nid: 1\ndata: {}\n\n'],
  ['a heartbeat from before', 'event: current\nid: 1\ndata: {"open_seconds":-1}\n\n'],
  ['a heartbeat that stands further on', currentEvent('2')],
  ['a heartbeat that stands further back', currentEvent('0')],
  ['an id that fits no header', 'event: current\nid: a b\ndata: {"open_seconds":0}\n\n'],
  ['bytes that are not UTF-8', Buffer.of(0xff, 0x0a)],
])('followRevocations() drops a connection that brings %s and asks for it again', async (_, text) => {
  const { issuer, listener, feed, isRevoked } = await followed()
  listener.send(revokedEvent('1', 0, 1))
  await arrived(() => feed.status().cursor === '1')

  listener.send(text)
  const second = await issuer.nextListener()

  expect(second.lastEventId).toBe('1')
  expect(isRevoked(0, 0)).toBe(false)
})

const revoked = (data: unknown, id = '2') => `event: revoked\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
const current = (data: unknown) => `event: current\nid: 1\ndata: ${JSON.stringify(data)}\n\n`

test.each([
  ...[null, 5, {}, { after: 1, lists: null }, { after: 1, lists: 5 }, { after: 1, lists: [] }].map((data) => [
    revoked(data),
    'it has no lists',
  ]),
  ...[{}, { after: '1' }, { after: -1 }, { after: 0.5 }].map((data) => [
    revoked({ ...data, lists: {} }),
    'it does not say what it follows on',
  ]),
  ...['x', '0x', 'x0', '-1', '00', '12345678901'].map((list) => [
    revoked({ after: 1, lists: { [list]: [0] } }),
    'a list has no number',
  ]),
  ...[{}, 'x', ['0'], [null], [-1], [0.5], [65_536], [0, -1]].map((indexes) => [
    revoked({ after: 1, lists: { 0: indexes } }),
    'an index is out of range',
  ]),
  ...['x', '1x', 'x1', '-1', '1234567890123456'].map((id) => [
    revoked({ after: 1, lists: {} }, id),
    'its id is no number',
  ]),
  ...[null, 5, {}, { open_seconds: '1' }, { open_seconds: -1 }].map((data) => [
    current(data),
    'it does not say how long the stream is open',
  ]),
])('followRevocations() reads no event %j: %s', async (text, problem) => {
  const { listener, feed } = await followed()

  listener.send(String(text))

  await arrived(() => feed.status().problem === `Cannot read an event of revocations: ${problem}`)
})

test('followRevocations() reads the greatest numbers that there are', async () => {
  const { listener, feed, isRevoked } = await followed()

  listener.send(revoked({ after: 0, lists: { 9999999999: [65_535] } }, '999999999999999'))

  await arrived(() => feed.status().cursor === '999999999999999')
  expect(isRevoked(9_999_999_999, 65_535)).toBe(true)
})

test('followRevocations() ignores events of a kind it does not know', async () => {
  const { listener, isRevoked } = await followed()

  listener.send(`event: later\nid: 1\ndata: not JSON\n\n${revokedEvent('2', 0, 3)}`)

  await arrived(() => isRevoked(0, 3))
})

test.each([
  ['another status', 503, 'text/event-stream'],
  ['a redirect', 302, 'text/event-stream'],
  ['another media type', 200, 'text/html'],
])('followRevocations() reads no event from an answer with %s', async (_, status, type) => {
  const server = await serve((request, response) => {
    if (request.url === '/.well-known/status-lists') {
      response.writeHead(200, { 'revocation-cursor': '0' }).end('{"status_lists":[]}')
      return
    }
    response.writeHead(status, { 'content-type': type, location: '/elsewhere' }).end(revokedEvent('1', 0, 1))
  })
  endings.push(server.close)
  const { feed, isRevoked } = testFeed(server.url)

  await expect.poll(() => feed.status().problem).toBe(`the answer was ${status} ${type}`)

  expect(isRevoked(0, 1)).toBe(false)
})

const uri = (issuer: { url: string }) => `${issuer.url}/.well-known/status-lists/0`

const badLists: [string, (issuer: { url: string }) => string][] = [
  ['whose bit was flipped', (issuer) => flip(listTokenOf(listKey, { uri: uri(issuer), issuer: issuer.url }))],
  ['by another key', (issuer) => listTokenOf(es256Key('lists'), { uri: uri(issuer), issuer: issuer.url })],
  ['by an unknown key', (issuer) => listTokenOf(es256Key('x'), { uri: uri(issuer), issuer: issuer.url })],
  ['of another address', (issuer) => listTokenOf(listKey, { uri: `${uri(issuer)}0`, issuer: issuer.url })],
  ['of another issuer', (issuer) => listTokenOf(listKey, { uri: uri(issuer), issuer: 'https://other.example' })],
  ['that is over', (issuer) => spoilt(issuer, { claims: { exp: startOfTime - 120 } })],
  ['whose end is text', (issuer) => spoilt(issuer, { claims: { exp: 'never' } })],
  ['from the future', (issuer) => spoilt(issuer, { claims: { iat: startOfTime + 121 } })],
  ['without its time', (issuer) => spoilt(issuer, { claims: { iat: undefined } })],
  ['of two bits an entry', (issuer) => spoilt(issuer, { list: { bits: 2 } })],
  ['without bits', (issuer) => spoilt(issuer, { list: { lst: undefined } })],
  ['without a list', (issuer) => spoilt(issuer, { claims: { status_list: undefined } })],
  ['that is not compressed', (issuer) => spoilt(issuer, { list: { lst: 'AAAA' } })],
  ['that is too short', (issuer) => spoilt(issuer, { bits: new Uint8Array(8_191) })],
  ['that grows to 30 megabytes', (issuer) => spoilt(issuer, { bits: new Uint8Array(30_000_000) })],
  ['that is an access token', (issuer) => spoilt(issuer, { header: { typ: 'at+jwt' } })],
  ['that is too long', () => 'x'.repeat(100_000)],
  ['that is nothing', () => ''],
]

function spoilt(issuer: { url: string }, facts: Partial<Parameters<typeof listTokenOf>[1]>): string {
  return listTokenOf(listKey, { uri: uri(issuer), issuer: issuer.url, ...facts })
}

function flip(token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const middle = Math.floor(claims.length / 2)
  const other = claims[middle] === 'A' ? 'B' : 'A'
  return [header, claims.slice(0, middle) + other + claims.slice(middle + 1), signature].join('.')
}

test.each(badLists)('followRevocations() is not fresh by a list %s', async (_, listOf) => {
  const issuer = await openIssuer()
  issuer.answerLists((request, response) => {
    response.setHeader('revocation-cursor', '0')
    const isList = request.url?.endsWith('/0')
    response.end(isList ? listOf(issuer) : JSON.stringify({ status_lists: [issuer.uriOf(0)] }))
  })
  const { feed } = testFeed(issuer.url, { patienceMilliseconds: 100 })

  await expect(feed.assertFresh()).rejects.toMatchObject(stale)

  expect(feed.status()).toMatchObject({ state: 'waiting', lists: 0, problem: expect.stringMatching(/\w/) })
})

test.each([
  ['lists of another issuer', '{"status_lists":["https://evil.example/.well-known/status-lists/0"]}', {}],
  ['no list', '{}', {}],
  ['no JSON', '<html>', {}],
  ['no cursor', '{"status_lists":[]}', { 'revocation-cursor': '' }],
])('followRevocations() is not fresh by addresses with %s', async (_, body, headers) => {
  const issuer = await openIssuer()
  issuer.answerLists((_request, response) => {
    response.writeHead(200, { 'revocation-cursor': '0', ...headers }).end(body)
  })
  const { feed } = testFeed(issuer.url, { patienceMilliseconds: 100 })

  await expect(feed.assertFresh()).rejects.toMatchObject(stale)
})

test('followRevocations() gives up an answer that never ends, and asks again', async () => {
  const issuer = await openIssuer()
  issuer.answerLists((_, response) => response.write('x'.repeat(9 * 1_024 * 1_024)))
  const { feed } = testFeed(issuer.url)
  await expect.poll(() => feed.status().problem).toMatch('the answer has more than 8388608 bytes')

  issuer.answerLists()

  await expect(Promise.resolve(feed.assertFresh())).resolves.toBeUndefined()
})

test('followRevocations() refuses every token of a list that is over, and keeps no bits of it', async () => {
  const { issuer, feed, listener, isRevoked } = await followed()
  listener.send(revokedEvent('1', 0, 1))
  await arrived(() => isRevoked(0, 1))
  issuer.revoke(2, 1)

  listener.send(resetEvent('2'))
  await issuer.nextListener()

  expect([isRevoked(0, 1), isRevoked(0, 2), isRevoked(1, 0)]).toEqual([true, true, true])
  expect([isRevoked(2, 1), isRevoked(2, 2), isRevoked(3, 0)]).toEqual([true, false, false])
  expect(feed.status().lists).toBe(2)
})

test('followRevocations() lets an old answer take away no list, and counts it as no proof', async () => {
  const issuer = await openIssuer()
  for (const list of [1, 2, 3]) issuer.revoke(list, 7)
  const { feed, clock, isRevoked } = testFeed(issuer.url, { maxStalenessSeconds: 0.4 })
  await feed.assertFresh()
  issuer.answerLists((_, response) => {
    const old = JSON.stringify({ status_lists: [issuer.uriOf(0), issuer.uriOf(1)] })
    response.writeHead(200, { 'revocation-cursor': '2' }).end(old)
  })

  clock.milliseconds += 1_000

  await expect.poll(() => feed.status().problem).toMatch('older than what is known')
  expect([isRevoked(2, 7), isRevoked(2, 8), isRevoked(3, 7)]).toEqual([true, false, true])
  expect(feed.status().state).toBe('stale')
})

test('followRevocations() takes an old list for no proof', async () => {
  const issuer = await openIssuer()
  issuer.revoke(0, 7)
  const { feed, clock } = testFeed(issuer.url, { maxStalenessSeconds: 0.4 })
  await feed.assertFresh()
  issuer.answerLists((request, response) => {
    const isList = request.url?.endsWith('/0')
    response.setHeader('revocation-cursor', isList ? '0' : '1')
    const list = listTokenOf(listKey, { uri: issuer.uriOf(0), issuer: issuer.url })
    response.end(isList ? list : JSON.stringify({ status_lists: [issuer.uriOf(0)] }))
  })

  clock.milliseconds += 1_000

  await expect.poll(() => feed.status().problem).toMatch('older than what is known')
  expect(feed.status().state).toBe('stale')
})

test.each([
  ['https://evil.example/.well-known/status-lists/0', 0],
  ['{issuer}/.well-known/status-lists/x', 0],
  ['{issuer}/.well-known/status-lists/00', 0],
  ['{issuer}/.well-known/status-lists/0', 65_536],
  ['{issuer}/.well-known/status-lists/0', 2 ** 40],
])('followRevocations() refuses a place that no list of the issuer has: %s, %i', async (place, index) => {
  const { issuer, feed } = await followed()

  const ask = () => feed.isRevoked({ uri: place.replace('{issuer}', issuer.url), index })

  expect(ask).toThrow(expect.objectContaining({ code: 'AUTH_INVALID_CLAIMS' }))
})

test('connected() waits for the first word of the stream', async () => {
  const { feed, listener } = await followed({ streamPatienceMilliseconds: 3_600_000 })
  const problemThen = feed.connected().then(() => feed.status().problem)

  listener.send(currentEvent('0'))

  expect(await problemThen).toBeUndefined()
  await feed.connected()
})

test('connected() resolves at once where the stream has spoken', async () => {
  const { feed, listener } = await followed({ streamPatienceMilliseconds: 3_600_000 })
  listener.send(currentEvent('0'))
  await arrived(() => feed.status().problem === undefined)

  await expect(feed.connected()).resolves.toBeUndefined()
})

test('connected() gives up a stream that says nothing, and a feed that is closed', async () => {
  const silent = await followed({ streamPatienceMilliseconds: 1 })
  const closed = await followed({ streamPatienceMilliseconds: 3_600_000 })
  const waiting = closed.feed.connected()

  closed.feed.close()

  await expect(Promise.all([silent.feed.connected(), waiting])).resolves.toBeDefined()
  expect(silent.feed.status().problem).toBe('not connected yet')
})

test('followRevocations() lets nobody pass after close(), at once', async () => {
  const { url } = await deadAddress()
  const { feed } = testFeed(url, { patienceMilliseconds: 3_600_000 })
  const waiting = Promise.resolve(feed.assertFresh())

  feed.close()

  await expect(waiting).rejects.toMatchObject(stale)
  expect(() => feed.assertFresh()).toThrow(expect.objectContaining(stale))
  expect(feed.status().state).toBe('closed')
})

test('followRevocations() takes 100,000 revocations at once', async () => {
  const { listener, isRevoked } = await followed()
  const places = Array.from({ length: 50_000 }, (_, index) => index)

  for (let at = 0; at < places.length; at += 500) {
    const indexes = places.slice(at, at + 500)
    listener.send(
      `event: revoked\nid: ${at + 500}\ndata: ${JSON.stringify({ after: at, lists: { 0: indexes, 1: indexes } })}\n\n`,
    )
  }

  await arrived(() => isRevoked(1, 49_999))
  expect(places.filter((index) => isRevoked(0, index) && isRevoked(1, index))).toEqual(places)
  expect(isRevoked(1, 50_000)).toBe(false)
})
