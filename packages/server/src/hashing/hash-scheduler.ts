import type { HashEvent, HashLoad, HashOrder, HashRefusalReason } from '../domain/hash-order.ts'
import { Refusal } from '../domain/refusal.ts'
import { fairQueue } from './fair-queue.ts'
import type { HashAnswer, HashTask } from './hash-task.ts'
import type { HashThreads } from './hash-threads.ts'

/** Decides which hash is computed when, and which is not. */
export type HashScheduler = {
  /**
   * Computes a task when its turn comes.
   * @throws {Refusal} OVERLOADED where it would wait too long, or did; REQUEST_TIMEOUT where its client went away before
   *   it began; UNAVAILABLE where two threads ended over it
   */
  run(task: HashTask, order: HashOrder): Promise<HashAnswer>
  /**
   * Refuses what `run` would refuse for its wait, before anything else is done for it. What is let pass here can be
   * refused there: others may have come in between.
   * @throws {Refusal} OVERLOADED
   */
  assertRoom(order: HashOrder): void
  /** Says whether `assertRoom` would let it pass. */
  hasRoom(order: HashOrder): boolean
  load(): HashLoad
  /** Takes no more, computes what waits, and ends the threads. */
  close(): Promise<void>
}

type SchedulerOptions = {
  /** The longest that a hash may wait, in seconds. 0: only what a free thread can begin at once is let in. */
  maxWaitSeconds: number
  /** How long a hash takes, until the first was computed. */
  firstGuessSeconds: number
  observe?: (event: HashEvent) => void
}

type Waiting = {
  task: HashTask
  order: HashOrder
  since: number
  /** How many threads ended over it. */
  threadsLost: number
  settle(answer: HashAnswer): void
  fail(error: Error): void
  onGone(): void
}

/** Cheap hashes could wait by the ten thousand within the time that is allowed: memory is to be bounded too. */
const maxAhead = 1024
/** How much the newest time counts against those before: a slow spell is noticed after a few hashes, one slow hash is not. */
const newestShare = 0.2
const longestRetryAfterSeconds = 60
const maxThreadsLost = 2

export function scheduleHashes(
  threads: HashThreads,
  { maxWaitSeconds, firstGuessSeconds, observe = () => {} }: SchedulerOptions,
): HashScheduler {
  const places = threads.count * threads.tasksPerBatch
  const queue = fairQueue<Waiting>()
  /** Of requests that had a hash already, and of threads that were lost: before all others. */
  const continued: Waiting[] = []
  /** In the order in which they came: the first is the first to have waited too long. */
  const refusable = new Set<Waiting>()
  const unanswered = new Set<Promise<unknown>>()
  let running = 0
  let batchSeconds = firstGuessSeconds
  let deadline: NodeJS.Timeout | undefined
  let isClosing = false
  let isClosed = false

  function waiting(): number {
    return queue.length() + continued.length
  }

  /** What is ahead, and half of what runs on average, shared by the threads. Nothing where one is free. */
  function expectedWaitSeconds(ahead: number): number {
    if (ahead === 0 && threads.free() > 0) return 0
    return ((ahead + 1) / places) * batchSeconds
  }

  function refusal(reason: HashRefusalReason, waitSeconds: number, cause?: unknown): Refusal {
    observe({ kind: 'refused', reason })
    const retryAfterSeconds = Math.min(longestRetryAfterSeconds, Math.max(1, Math.ceil(waitSeconds)))
    return new Refusal(reason === 'thread_lost' ? 'UNAVAILABLE' : 'OVERLOADED', { retryAfterSeconds, cause })
  }

  function obstacleTo(order: HashOrder): { reason: HashRefusalReason; waitSeconds: number } | undefined {
    if (order.isContinued && !isClosed) return undefined
    const ahead = continued.length + queue.ahead(order)
    const waitSeconds = expectedWaitSeconds(ahead)
    if (isClosing) return { reason: 'stopping', waitSeconds }
    if (waitSeconds > maxWaitSeconds) return { reason: 'expected_wait', waitSeconds }
    if (ahead >= maxAhead) return { reason: 'queue_full', waitSeconds }
    return undefined
  }

  function assertRoom(order: HashOrder): void {
    const obstacle = obstacleTo(order)
    if (obstacle) throw refusal(obstacle.reason, obstacle.waitSeconds)
  }

  async function run(task: HashTask, order: HashOrder): Promise<HashAnswer> {
    if (order.signal?.aborted) throw gone()
    assertRoom(order)

    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<HashAnswer>()
    const entry: Waiting = { task, order, since: performance.now(), threadsLost: 0, settle, fail, onGone }
    function onGone(): void {
      if (takeOut(entry)) fail(gone())
    }
    order.signal?.addEventListener('abort', onGone, { once: true })
    if (order.isContinued) continued.push(entry)
    else {
      queue.push(entry, order)
      refusable.add(entry)
    }
    dispatch()
    watchDeadline()

    unanswered.add(promise)
    return promise.finally(() => unanswered.delete(promise))
  }

  function gone(): Refusal {
    observe({ kind: 'dropped' })
    return new Refusal('REQUEST_TIMEOUT', { cause: new Error('The client has gone') })
  }

  function takeOut(entry: Waiting): boolean {
    refusable.delete(entry)
    const at = continued.indexOf(entry)
    if (at >= 0) continued.splice(at, 1)
    return at >= 0 || queue.remove(entry, entry.order)
  }

  function dispatch(): void {
    for (let free = threads.free(); free > 0 && waiting() > 0; free -= 1) {
      void compute(takeBatch(Math.min(threads.tasksPerBatch, Math.ceil(waiting() / free))))
    }
  }

  function takeBatch(most: number): Waiting[] {
    const batch: Waiting[] = []
    while (batch.length < most) {
      const entry = continued.shift() ?? queue.shift()
      if (!entry) break
      begin(entry)
      batch.push(entry)
      // Over which a thread ended: alone now, so that it takes no other with it.
      if (entry.threadsLost > 0 || continued[0]?.threadsLost) break
    }
    return batch
  }

  function begin({ order, since, threadsLost, onGone }: Waiting): void {
    order.signal?.removeEventListener('abort', onGone)
    if (threadsLost > 0) return
    observe({ kind: 'started', purpose: order.purpose, waitSeconds: (performance.now() - since) / 1000 })
  }

  async function compute(batch: readonly Waiting[]): Promise<void> {
    for (const entry of batch) refusable.delete(entry)
    running += batch.length
    try {
      const { answers, seconds } = await threads.run(batch.map(({ task }) => task))
      measure(answers, seconds)
      for (const [at, { settle }] of batch.entries()) settle(answers[at] ?? { fault: 'no answer' })
    } catch (cause) {
      recover(batch, cause instanceof Error ? cause : new Error('A hash thread failed', { cause }))
    } finally {
      running -= batch.length
      dispatch()
    }
  }

  function measure(answers: readonly HashAnswer[], seconds: number): void {
    // What failed at once says nothing of how long a hash takes.
    if (answers.some((answer) => 'fault' in answer)) return
    observe({ kind: 'computed', seconds: seconds / answers.length })
    batchSeconds += newestShare * (seconds - batchSeconds)
  }

  /** Once more, and first; a second thread that ends over it is no accident. */
  function recover(batch: readonly Waiting[], error: Error): void {
    observe({ kind: 'thread_lost', error })
    for (const entry of batch.toReversed()) {
      entry.threadsLost += 1
      if (isClosed || entry.threadsLost >= maxThreadsLost) entry.fail(refusal('thread_lost', 1, error))
      else continued.unshift(entry)
    }
  }

  /** Others that came later can go before: what was expected is no promise, so the clock is looked at too. */
  function watchDeadline(): void {
    const [oldest] = refusable
    if (!oldest || deadline) return
    const milliseconds = oldest.since + maxWaitSeconds * 1000 - performance.now()
    deadline = setTimeout(refuseLate, Math.max(1, Math.ceil(milliseconds)))
    deadline.unref()
  }

  function refuseLate(): void {
    deadline = undefined
    const latest = performance.now() - maxWaitSeconds * 1000
    for (const entry of refusable) {
      if (entry.since > latest) break
      entry.order.signal?.removeEventListener('abort', entry.onGone)
      if (takeOut(entry)) entry.fail(refusal('waited', expectedWaitSeconds(waiting())))
    }
    watchDeadline()
  }

  async function close(): Promise<void> {
    isClosing = true
    while (unanswered.size > 0) await Promise.allSettled(unanswered)
    isClosed = true
    clearTimeout(deadline)
    await threads.close()
  }

  return {
    run,
    assertRoom,
    hasRoom: (order) => !obstacleTo(order),
    load: () => ({ waiting: waiting(), running }),
    close,
  }
}
