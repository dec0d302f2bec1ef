import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Refusal } from '../domain/refusal.ts'

export type HashJob =
  | { id: number; kind: 'hash'; password: Uint8Array; cost: number }
  | { id: number; kind: 'match'; password: Uint8Array; stored: string; maxCost: number }

export type HashAnswer = { id: number } & ({ hash: string } | { matches: boolean } | { fault: string })

/** A job that has no number yet. */
export type HashTask = HashJob extends infer Job ? (Job extends HashJob ? Omit<Job, 'id'> : never) : never

/** Worker threads that hash, so that the event loop never does. */
export type HashWorkers = {
  /**
   * Queues a task and waits for its answer.
   * @throws {Refusal} OVERLOADED where too many wait already
   */
  run(task: HashTask): Promise<HashAnswer>
  /** How many tasks wait or run. */
  load(): number
  close(): Promise<void>
}

/** Some four seconds of work at cost 12: who would wait longer is told to come back instead. */
const maxWaitingPerWorker = 16
const retryAfterSeconds = 2

type Waiting = { task: HashTask; settle(answer: HashAnswer): void; fail(error: Error): void }

/** A thread and the task that it is on. */
type Hand = { worker: Worker; current: Waiting | undefined }

/** Starts threads as work arrives, at most one for each core. */
export function startHashWorkers(maxWorkers = availableParallelism()): HashWorkers {
  const hands: Hand[] = []
  const queue: Waiting[] = []
  let nextId = 1
  let isClosed = false

  function dispatch(): void {
    while (queue.length > 0) {
      const hand = hands.find(({ current }) => !current) ?? hire()
      if (!hand) return
      hand.current = queue.shift()
      if (hand.current) hand.worker.postMessage({ ...hand.current.task, id: nextId++ })
    }
  }

  function hire(): Hand | undefined {
    if (hands.length >= maxWorkers) return undefined
    const hand: Hand = { worker: new Worker(workerFile(), { execArgv: [] }), current: undefined }
    hand.worker.unref()
    hand.worker.on('message', (answer: HashAnswer) => {
      const done = hand.current
      hand.current = undefined
      done?.settle(answer)
      dispatch()
    })
    hand.worker.on('error', (cause) => hand.current?.fail(new Error('A hash worker failed', { cause })))
    hand.worker.on('exit', () => {
      hand.current?.fail(new Error('A hash worker ended in the middle of its work'))
      hands.splice(hands.indexOf(hand), 1)
      if (!isClosed) dispatch()
    })
    hands.push(hand)
    return hand
  }

  return {
    run: (task) => {
      if (isClosed || queue.length >= maxWaitingPerWorker * maxWorkers) {
        return Promise.reject(new Refusal('OVERLOADED', { retryAfterSeconds }))
      }
      return new Promise((settle, fail) => {
        queue.push({ task, settle, fail })
        dispatch()
      })
    },
    load: () => queue.length + hands.filter(({ current }) => current).length,
    close: async () => {
      isClosed = true
      for (const { fail } of queue.splice(0)) fail(new Refusal('OVERLOADED', { retryAfterSeconds }))
      await Promise.all(hands.map(({ worker }) => worker.terminate()))
    },
  }
}

/** Beside this file, as it is run: TypeScript in the repository, JavaScript as published. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js', import.meta.url)
}
