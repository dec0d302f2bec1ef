import { Worker } from 'node:worker_threads'

/**
 * Brings what the write-ahead log holds into the database file, as SQLite would by itself in one commit of many. But that
 * waits for the disk, and the event loop must not: a thread does it.
 */
export type Checkpoints = {
  /** Counts a commit. Every so many the thread has work. */
  noteCommit(): void
  /** Waits for what the thread is at, and ends it. */
  close(): Promise<void>
}

/** Of ten pages or so each: about as often as SQLite would. */
const commitsBetween = 100

export function checkpointsOf(path: string): Checkpoints {
  let commits = 0
  let thread: Worker | undefined
  let isAtWork = false

  function start(): Worker {
    const worker = new Worker(workerFile(), { workerData: path, execArgv: [] })
    worker.unref()
    worker.on('message', rest)
    // Nothing is lost by it: the log is longer until the next time.
    worker.on('error', rest)
    worker.on('exit', () => {
      thread = undefined
    })
    return worker
  }

  function rest(): void {
    isAtWork = false
  }

  return {
    noteCommit: () => {
      commits += 1
      if (commits < commitsBetween || isAtWork) return
      commits = 0
      isAtWork = true
      thread ??= start()
      thread.postMessage('checkpoint')
    },
    close: async () => {
      await thread?.terminate()
    },
  }
}

/** Beside this file, as it is run: TypeScript in the repository, JavaScript as published. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './checkpoint-worker.ts' : './checkpoint-worker.js', import.meta.url)
}
