import { availableParallelism } from 'node:os'
import { type HashThreads, startHashThreads } from '../hashing/hash-threads.ts'

/** More than the houses of one test would start together: none waits for another's. */
const most = 64
const all = startHashThreads({ count: most })

/** The threads of one house, as many as it would start; they outlive it, so that the house of the next test finds them. */
export function keptHashThreads(): HashThreads {
  const count = availableParallelism()
  let busy = 0

  return {
    count,
    tasksPerBatch: all.tasksPerBatch,
    free: () => count - busy,
    run: (batch) => {
      busy += 1
      return all.run(batch).finally(() => {
        busy -= 1
      })
    },
    close: async () => {},
  }
}
