import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { Refusal } from '../domain/refusal.ts'
import { type HashTask, type HashWorkers, startHashWorkers } from './hash-workers.ts'

const password = Buffer.from('SecurePass123', 'utf8')
const quick: HashTask = { kind: 'hash', password, cost: 4 }
const slow: HashTask = { kind: 'hash', password, cost: 12 }
const overloaded = expect.objectContaining({ code: 'OVERLOADED', retryAfterSeconds: 2 })

test('startHashWorkers() hashes and compares', async () => {
  const workers = testWorkers(1)
  const hashed = await workers.run(quick)
  const hash = 'hash' in hashed ? hashed.hash : ''

  const compared = await workers.run({ kind: 'match', password, stored: hash, maxCost: 4 })

  expect(compared).toMatchObject({ matches: true })
})

test('startHashWorkers() leaves the event loop free while it hashes', async () => {
  const workers = testWorkers(1)
  await workers.run(quick)
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  onTestFinished(() => clearInterval(timer))

  await workers.run(slow)

  expect(ticks).toBeGreaterThan(10)
})

test('startHashWorkers() starts no thread before there is work, and no more than it may', async () => {
  const started = countThreads()
  const workers = testWorkers(2)
  const before = started()

  await Promise.all(Array.from({ length: 10 }, () => workers.run(quick)))

  expect(before).toBe(0)
  expect(started()).toBe(2)
})

test('startHashWorkers() starts one thread for each core unless told otherwise', async () => {
  const started = countThreads()
  const workers = testWorkers()

  await Promise.all(Array.from({ length: 3 * availableParallelism() }, () => workers.run(quick)))

  expect(started()).toBe(availableParallelism())
})

test('startHashWorkers() gives every task its own answer', async () => {
  const workers = testWorkers(2)
  const costs = [4, 5, 6, 7, 4, 5, 6, 7]

  const answers = await Promise.all(costs.map((cost) => workers.run({ kind: 'hash', password, cost })))

  const found = answers.map((answer) => ('hash' in answer ? Number(answer.hash.slice(4, 6)) : undefined))
  expect(found).toEqual(costs)
})

test('run() refuses the task that would wait behind sixteen for each thread', async () => {
  const workers = testWorkers(1)

  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => workers.run(quick)))

  expect(outcomes.map(({ status }) => status)).toEqual([
    ...Array.from({ length: 17 }, () => 'fulfilled'),
    ...Array.from({ length: 3 }, () => 'rejected'),
  ])
  expect(outcomes.at(-1)).toMatchObject({ reason: overloaded })
})

test('run() takes tasks again when the queue is worked off', async () => {
  const workers = testWorkers(1)
  await Promise.allSettled(Array.from({ length: 20 }, () => workers.run(quick)))

  const answer = await workers.run(quick)

  expect(answer).toHaveProperty('hash')
})

test('load() counts the tasks that run or wait', async () => {
  const workers = testWorkers(1)
  const running = Array.from({ length: 5 }, () => workers.run(quick))

  const loads = [workers.load(), await Promise.all(running).then(workers.load)]

  expect(loads).toEqual([5, 0])
})

test('run() answers with a fault when the hash function throws, and serves the next', async () => {
  const workers = testWorkers(1)

  const answers = await Promise.all([workers.run({ kind: 'hash', password, cost: 40 }), workers.run(quick)])

  expect(answers).toEqual([
    { id: expect.any(Number), fault: expect.any(String) },
    { id: expect.any(Number), hash: expect.any(String) },
  ])
})

test('run() fails the task of a thread that crashes, and a new thread serves the next', async () => {
  const thread = nextThread()
  const workers = testWorkers(1)
  await workers.run(quick)
  const crashing = await thread
  // No job at all: reading it throws, outside of what the thread guards.
  crashing.postMessage(null)

  const outcomes = await Promise.allSettled([workers.run(quick), workers.run(quick)])

  expect(outcomes).toMatchObject([
    { status: 'rejected', reason: { message: 'A hash worker failed' } },
    { status: 'fulfilled', value: { hash: expect.any(String) } },
  ])
})

test('run() fails the task of a thread that is ended from outside, and a new thread serves the next', async () => {
  const thread = nextThread()
  const workers = testWorkers(1)
  await workers.run(quick)
  const ended = await thread
  const outcomes = Promise.allSettled([workers.run(slow), workers.run(quick)])

  await ended.terminate()

  await expect(outcomes).resolves.toMatchObject([
    { status: 'rejected', reason: { message: 'A hash worker ended in the middle of its work' } },
    { status: 'fulfilled', value: { hash: expect.any(String) } },
  ])
})

test('close() refuses the tasks that wait and fails the one that runs', async () => {
  const workers = testWorkers(1)
  const outcomes = Promise.allSettled([workers.run(slow), workers.run(quick), workers.run(quick)])

  await workers.close()

  const [running, ...waiting] = await outcomes
  expect(running).toMatchObject({ status: 'rejected', reason: expect.any(Error) })
  expect(waiting).toMatchObject([{ reason: overloaded }, { reason: overloaded }])
  expect(workers.load()).toBe(0)
})

test('run() refuses every task after close()', async () => {
  const workers = testWorkers(1)
  await workers.close()

  const running = workers.run(quick)

  await expect(running).rejects.toBeInstanceOf(Refusal)
  await expect(running).rejects.toEqual(overloaded)
})

test('close() may come twice', async () => {
  const workers = testWorkers(1)
  await workers.run(quick)
  await workers.close()

  const again = workers.close()

  await expect(again).resolves.toBeUndefined()
})

function testWorkers(maxWorkers?: number): HashWorkers {
  const workers = startHashWorkers(maxWorkers)
  onTestFinished(workers.close)
  return workers
}

/** Counts the threads that Node starts from now on. */
function countThreads(): () => number {
  let started = 0
  const count = () => void started++
  process.on('worker', count)
  onTestFinished(() => void process.off('worker', count))
  return () => started
}

function nextThread(): Promise<Worker> {
  return new Promise((resolve) => process.once('worker', resolve))
}
