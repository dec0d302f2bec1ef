import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import type { HashTask } from './hash-task.ts'
import { startHashThreads } from './hash-threads.ts'

const password = Buffer.from('SecurePass123', 'utf8')
const quick: HashTask = { kind: 'hash', password, cost: 4 }
const slow: HashTask = { kind: 'hash', password, cost: 12 }

test('run() gives every task of a batch its own answer, in order, and says how long all took', async () => {
  const threads = testThreads({ count: 1, batch: 4 })
  const costs = [4, 7, 5, 6]

  const { answers, seconds } = await threads.run(costs.map((cost) => ({ kind: 'hash', password, cost })))

  expect(answers.map((answer) => ('hash' in answer ? Number(answer.hash.slice(4, 6)) : undefined))).toEqual(costs)
  expect(seconds).toBeGreaterThan(0)
})

test('run() answers a task that cannot be computed with a fault, and the others of its batch as ever', async () => {
  const threads = testThreads({ count: 1, batch: 2 })

  const { answers } = await threads.run([{ kind: 'hash', password, cost: 40 }, quick])

  expect(answers).toEqual([{ fault: expect.any(String) }, { hash: expect.any(String) }])
})

test('run() leaves the event loop free while it hashes', async () => {
  const threads = testThreads({ count: 1 })
  await threads.run([quick])
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  onTestFinished(() => clearInterval(timer))

  await threads.run([slow])

  expect(ticks).toBeGreaterThan(10)
})

test('run() starts no thread before there is work, and uses one that is free before it starts another', async () => {
  const started = countThreads()
  const threads = testThreads({ count: 2 })
  const before = started()

  for (let times = 0; times < 5; times += 1) await threads.run([quick])

  expect([before, started()]).toEqual([0, 1])
})

test('free() counts the threads that have nothing to do, one for each core unless told otherwise', async () => {
  const threads = testThreads()
  const cores = availableParallelism()

  const running = threads.run([quick])
  const during = threads.free()
  await running

  expect([threads.count, during, threads.free()]).toEqual([cores, cores - 1, cores])
})

test('run() fails the batch of a thread that crashes, and a new thread serves the next', async () => {
  const thread = nextThread()
  const threads = testThreads({ count: 1 })
  await threads.run([quick])
  const crashing = await thread
  // No batch at all: reading it throws, outside of what the thread guards.
  crashing.postMessage(null)

  const outcome = await threads.run([quick]).catch((error: Error) => error.message)
  const next = await threads.run([quick])

  expect(outcome).toBe('A hash thread failed')
  expect(next.answers).toEqual([{ hash: expect.any(String) }])
})

test('run() fails the batch of a thread that is ended from outside, and a new thread serves the next', async () => {
  const thread = nextThread()
  const threads = testThreads({ count: 1 })
  await threads.run([quick])
  const outcome = threads.run([slow]).catch((error: Error) => error.message)

  await (await thread).terminate()

  expect(await outcome).toBe('A hash thread ended in the middle of its work')
  expect((await threads.run([quick])).answers).toEqual([{ hash: expect.any(String) }])
})

test('close() ends what runs, and may come twice', async () => {
  const threads = testThreads({ count: 1 })
  const outcome = threads.run([slow]).catch((error: Error) => error.message)

  await threads.close()
  await threads.close()

  expect(await outcome).toBe('A hash thread ended in the middle of its work')
})

function testThreads(options: Parameters<typeof startHashThreads>[0] = {}) {
  const threads = startHashThreads(options)
  onTestFinished(threads.close)
  return threads
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
