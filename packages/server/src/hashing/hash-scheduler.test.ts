import { on } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import type { HashEvent, HashOrder, HashPurpose } from '../domain/hash-order.ts'
import { scheduleHashes } from './hash-scheduler.ts'
import type { HashTask } from './hash-task.ts'
import { startHashThreads } from './hash-threads.ts'

const password = Buffer.from('SecurePass123', 'utf8')
const quick: HashTask = { kind: 'hash', password, cost: 4 }
const slow: HashTask = { kind: 'hash', password, cost: 11 }

test('run() computes what it is asked for', async () => {
  const { hashes } = testScheduler()

  const answer = await hashes.run(quick, order())

  expect(answer).toEqual({ hash: expect.stringMatching(/^\$2b\$04\$/) })
})

test('run() serves the single hash of one network next, though another asked for 200', async () => {
  const { ask, finished } = testScheduler({ maxWaitSeconds: 3600 })
  const flood = Array.from({ length: 200 }, () => ask('flood', order('192.0.2.1')))

  await Promise.all([...flood, ask('single', order('192.0.2.2'))])

  expect(finished.indexOf('single')).toBe(2)
  expect(finished).toHaveLength(201)
})

test('run() lets logins and signups take turns, though signups come from everywhere', async () => {
  const { ask, finished } = testScheduler({ maxWaitSeconds: 3600 })
  const flood = Array.from({ length: 50 }, (_, at) => ask('signup', order(`192.0.2.${at}`, 'signup')))
  const logins = Array.from({ length: 3 }, (_, at) => ask('login', order(`198.51.100.${at}`)))

  await Promise.all([...flood, ...logins])

  expect(finished.slice(0, 8)).toEqual([
    ...['signup', 'signup', 'login'],
    ...['signup', 'login', 'signup', 'login', 'signup'],
  ])
})

test('run() refuses what would wait longer than it may, and says when to come back', async () => {
  // Ten seconds each: the second waits ten, the third twenty, the fourth would wait thirty.
  const { hashes, events } = testScheduler({ maxWaitSeconds: 20, firstGuessSeconds: 10 })

  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => hashes.run(quick, order())))

  expect(outcomes.map(({ status }) => status)).toEqual([...filled(3, 'fulfilled'), ...filled(2, 'rejected')])
  expect(outcomes[3]).toMatchObject({ reason: { code: 'OVERLOADED', retryAfterSeconds: 30 } })
  expect(refusalsIn(events)).toEqual(['expected_wait', 'expected_wait'])
})

test('run() counts on as many at once as there are threads', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 20, firstGuessSeconds: 10, count: 2 })

  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => hashes.run(quick, order())))

  expect(outcomes.map(({ status }) => status)).toEqual([...filled(6, 'fulfilled'), ...filled(2, 'rejected')])
})

test('run() lets a network in whose turn comes soon, though another filled its own wait', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 20, firstGuessSeconds: 10 })
  const flood = Promise.allSettled(Array.from({ length: 5 }, () => hashes.run(quick, order('192.0.2.1'))))

  const single = hashes.run(quick, order('192.0.2.2'))

  await expect(single).resolves.toHaveProperty('hash')
  await flood
})

test('run() learns how long a hash takes, and lets more in when it is less than was thought', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 10, firstGuessSeconds: 60 })
  const before = await Promise.allSettled([hashes.run(quick, order()), hashes.run(quick, order())])
  for (let times = 0; times < 30; times += 1) await hashes.run(quick, order())

  const after = await Promise.allSettled(Array.from({ length: 10 }, () => hashes.run(quick, order())))

  expect(before.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(new Set(after.map(({ status }) => status))).toEqual(new Set(['fulfilled']))
})

test('run() learns nothing from what fails at once', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 10, firstGuessSeconds: 60 })
  for (let times = 0; times < 30; times += 1) await hashes.run({ kind: 'hash', password, cost: 40 }, order())

  const outcomes = await Promise.allSettled([hashes.run(quick, order()), hashes.run(quick, order())])

  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})

test('run() refuses what did wait longer than it may, before it is computed', async () => {
  // So short a guess lets everything in.
  const { hashes, events } = testScheduler({ maxWaitSeconds: 0.05, firstGuessSeconds: 0.000_001 })

  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => hashes.run(slow, order())))

  const refused = outcomes.filter(({ status }) => status === 'rejected')
  expect(refused.length).toBeGreaterThan(10)
  expect(refused[0]).toMatchObject({ reason: { code: 'OVERLOADED' } })
  expect(new Set(refusalsIn(events))).toEqual(new Set(['waited']))
  expect(startsIn(events)).toHaveLength(20 - refused.length)
  expect(hashes.load()).toEqual({ waiting: 0, running: 0 })
})

test('run() lets nobody wait where the longest wait is 0', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 0, firstGuessSeconds: 0.01, count: 2 })

  const outcomes = await Promise.allSettled(Array.from({ length: 3 }, () => hashes.run(slow, order())))

  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
})

test('run() keeps no more than 1,024 ahead of anyone, however fast hashes are', async () => {
  const { hashes, events } = testScheduler({ maxWaitSeconds: 3600, firstGuessSeconds: 0.000_001 })
  const flood = Array.from({ length: 1030 }, () => hashes.run(quick, order()))

  const outcomes = await Promise.allSettled(flood)

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1025)
  expect(new Set(refusalsIn(events))).toEqual(new Set(['queue_full']))
})

test('run() computes the next hash of a request that was admitted before all others, and never refuses it', async () => {
  const { hashes, ask, finished } = testScheduler({ maxWaitSeconds: 10, firstGuessSeconds: 10 })
  const others = Promise.allSettled([
    ask('first', order('192.0.2.1')),
    ask('waiting', order('192.0.2.2')),
    ask('refused', order('192.0.2.3')),
  ])

  await Promise.all([ask('continued', { ...order(), isContinued: true }), others])

  expect(finished).toEqual(['first', 'continued', 'waiting'])
  expect(hashes.load()).toEqual({ waiting: 0, running: 0 })
})

test('run() does not compute what nobody waits for any more', async () => {
  const { hashes, events } = testScheduler()
  const client = new AbortController()
  const running = hashes.run(slow, { ...order(), signal: client.signal })
  const waiting = hashes.run(slow, { ...order(), signal: client.signal })
  const continued = hashes.run(slow, { ...order(), signal: client.signal, isContinued: true })

  client.abort()
  const late = hashes.run(slow, { ...order(), signal: client.signal })

  const outcomes = await Promise.allSettled([running, waiting, continued, late])
  const dropped = { status: 'rejected', reason: { code: 'REQUEST_TIMEOUT' } }
  expect(outcomes).toMatchObject([{ status: 'fulfilled' }, dropped, dropped, dropped])
  expect(startsIn(events)).toHaveLength(1)
  expect(events.filter(({ kind }) => kind === 'dropped')).toHaveLength(3)
})

test('run() gives the place of a client that has gone to the next', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 10, firstGuessSeconds: 10 })
  const client = new AbortController()
  const running = hashes.run(slow, order())
  const waiting = hashes.run(quick, { ...order(), signal: client.signal }).catch(({ code }) => code)
  client.abort()

  const next = hashes.run(quick, order())

  await expect(Promise.all([running, waiting, next])).resolves.toMatchObject([{}, 'REQUEST_TIMEOUT', {}])
})

test('run() hands a thread as many as it takes at once, and no thread all while another has none', async () => {
  const { hashes, batches } = testScheduler({ count: 2, batch: 3, maxWaitSeconds: 3600 })

  await Promise.all(Array.from({ length: 12 }, () => hashes.run(slow, order())))

  // The first two find both threads free. Of the ten that came meanwhile each thread takes three at once.
  expect(batches.slice(0, 4)).toEqual([1, 1, 3, 3])
  expect(batches.reduce((sum, size) => sum + size)).toBe(12)
})

test('run() computes anew what a thread was at when it ended, before all others', async () => {
  const nextThread = startedThreads()
  const { ask, finished, events } = testScheduler()
  const all = Promise.all([ask('struck', order('192.0.2.1'), slow), ask('waiting', order('192.0.2.2'))])

  await (await nextThread()).terminate()
  await all

  expect(finished).toEqual(['struck', 'waiting'])
  expect(events.filter(({ kind }) => kind === 'thread_lost')).toHaveLength(1)
})

test('run() refuses what two threads ended over, and serves the next', async () => {
  const nextThread = startedThreads()
  const { hashes, events } = testScheduler()
  const outcome = hashes.run(slow, order()).catch((refusal) => refusal)
  await (await nextThread()).terminate()
  await (await nextThread()).terminate()

  expect(await outcome).toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 1 })
  expect(refusalsIn(events)).toEqual(['thread_lost'])
  await expect(hashes.run(quick, order())).resolves.toHaveProperty('hash')
})

test('run() computes each task alone that a thread was lost over, so that none takes another with it', async () => {
  const nextThread = startedThreads()
  const { hashes, batches } = testScheduler({ batch: 3, maxWaitSeconds: 3600 })
  const first = hashes.run(slow, order())
  const three = Promise.all(Array.from({ length: 3 }, () => hashes.run(slow, order())))
  const thread = await nextThread()
  await first

  await thread.terminate()
  await three

  expect(batches).toEqual([1, 3, 1, 1, 1])
})

test('load() counts what waits and what runs', async () => {
  const { hashes } = testScheduler({ count: 2 })
  const all = Array.from({ length: 5 }, () => hashes.run(quick, order()))

  const during = hashes.load()
  await Promise.all(all)

  expect([during, hashes.load()]).toEqual([
    { waiting: 3, running: 2 },
    { waiting: 0, running: 0 },
  ])
})

test('run() tells how long each waited and how long each took', async () => {
  const { hashes, events } = testScheduler()

  await Promise.all([hashes.run(slow, order()), hashes.run(slow, order('192.0.2.2', 'signup'))])

  const [first, second] = startsIn(events)
  const computed = events.flatMap((event) => (event.kind === 'computed' ? [event.seconds] : []))
  expect([first?.purpose, second?.purpose]).toEqual(['login', 'signup'])
  expect(second?.waitSeconds).toBeGreaterThan(computed[0] ?? Number.NaN)
  expect(Math.min(...computed)).toBeGreaterThan(0)
})

test('assertRoom() refuses what run() would refuse, and nothing else; hasRoom() says so', async () => {
  const { hashes } = testScheduler({ maxWaitSeconds: 10, firstGuessSeconds: 10 })
  const flood = Promise.all([hashes.run(quick, order()), hashes.run(quick, order())])

  const refused = () => hashes.assertRoom(order())
  const continued = () => hashes.assertRoom({ ...order(), isContinued: true })

  expect(refused).toThrow(expect.objectContaining({ code: 'OVERLOADED', retryAfterSeconds: 20 }))
  expect(continued).not.toThrow()
  expect([hashes.hasRoom(order()), hashes.hasRoom({ ...order(), isContinued: true })]).toEqual([false, true])
  await flood
  expect(refused).not.toThrow()
  expect(hashes.hasRoom(order())).toBe(true)
})

test('close() computes what waits, and takes no more', async () => {
  const { hashes, events } = testScheduler()
  const all = Promise.all(Array.from({ length: 3 }, () => hashes.run(slow, order())))

  const closing = hashes.close()
  const late = hashes.run(quick, order()).catch(({ code }) => code)
  const lateContinued = hashes.run(quick, { ...order(), isContinued: true })
  await closing

  await expect(all).resolves.toHaveLength(3)
  expect(await late).toBe('OVERLOADED')
  await expect(lateContinued).resolves.toHaveProperty('hash')
  await expect(hashes.run(quick, { ...order(), isContinued: true })).rejects.toMatchObject({ code: 'OVERLOADED' })
  expect(refusalsIn(events)).toEqual(['stopping', 'stopping'])
})

type Options = { maxWaitSeconds?: number; firstGuessSeconds?: number; count?: number; batch?: number }

/** Real threads, one unless told otherwise, with an eye on what happens. */
function testScheduler({ maxWaitSeconds = 60, firstGuessSeconds = 0.001, count = 1, batch = 1 }: Options = {}) {
  const threads = startHashThreads({ count, batch })
  const batches: number[] = []
  const events: HashEvent[] = []
  const run: typeof threads.run = (tasks) => {
    batches.push(tasks.length)
    return threads.run(tasks)
  }
  const observe = (event: HashEvent) => void events.push(event)
  const hashes = scheduleHashes({ ...threads, run }, { maxWaitSeconds, firstGuessSeconds, observe })
  onTestFinished(hashes.close)

  const finished: string[] = []
  const ask = async (name: string, wanted: HashOrder, task = quick) => {
    await hashes.run(task, wanted)
    finished.push(name)
  }
  return { hashes, events, batches, ask, finished }
}

function order(network = '192.0.2.1', purpose: HashPurpose = 'login'): HashOrder {
  return { purpose, network }
}

function filled(length: number, status: string): string[] {
  return Array.from({ length }, () => status)
}

function refusalsIn(events: readonly HashEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'refused' ? [event.reason] : []))
}

function startsIn(events: readonly HashEvent[]) {
  return events.flatMap((event) => (event.kind === 'started' ? [event] : []))
}

/** Answers one thread after the other that Node starts from now on. */
function startedThreads(): () => Promise<Worker> {
  const threads = on(process, 'worker')
  onTestFinished(() => void threads.return?.())
  return async () => (await threads.next()).value?.[0]
}
