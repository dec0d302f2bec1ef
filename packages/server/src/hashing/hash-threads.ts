import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type HashBatch, type HashedBatch, tasksPerBatch } from './hash-task.ts'

/** Worker threads that hash, so that the event loop never does. */
export type HashThreads = {
  /** How many threads there may be. */
  count: number
  /** How many tasks each is handed at once. */
  tasksPerBatch: number
  /** How many threads have nothing to do, those not started yet among them. */
  free(): number
  /**
   * Hands tasks to a thread that has nothing to do.
   * @throws {Error} where the thread ended before it answered; another takes its place when there is work
   */
  run(batch: HashBatch): Promise<HashedBatch>
  /** Ends every thread, whatever it is at. */
  close(): Promise<void>
}

/** A thread, and who waits for the batch that it is at. */
type Hand = { worker: Worker; current: PromiseWithResolvers<HashedBatch> | undefined }

/** Starts threads as work arrives, at most one for each core. */
export function startHashThreads({ count = availableParallelism(), batch: most = tasksPerBatch } = {}): HashThreads {
  let hands: Hand[] = []

  function hire(): Hand {
    const hand: Hand = { worker: new Worker(workerFile(), { execArgv: [] }), current: undefined }
    const lose = (error: Error) => {
      hands = hands.filter((other) => other !== hand)
      hand.current?.reject(error)
    }
    hand.worker.unref()
    hand.worker.on('message', (answer: HashedBatch) => {
      const done = hand.current
      hand.current = undefined
      done?.resolve(answer)
    })
    hand.worker.on('error', (cause) => lose(new Error('A hash thread failed', { cause })))
    hand.worker.on('exit', () => lose(new Error('A hash thread ended in the middle of its work')))
    hands.push(hand)
    return hand
  }

  return {
    count,
    tasksPerBatch: most,
    free: () => count - hands.filter(({ current }) => current).length,
    run: (batch) => {
      const hand = hands.find(({ current }) => !current) ?? hire()
      hand.current = Promise.withResolvers()
      hand.worker.postMessage(batch)
      return hand.current.promise
    },
    close: async () => {
      await Promise.all(hands.map(({ worker }) => worker.terminate()))
    },
  }
}

/** Beside this file, as it is run: TypeScript in the repository, JavaScript as published. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js', import.meta.url)
}
