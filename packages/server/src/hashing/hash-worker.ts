import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { bcryptHash, bcryptMatches } from './bcrypt.ts'
import type { HashAnswer, HashJob } from './hash-workers.ts'

/**
 * One core's worth of password hashing. At nice 10, so that the event loop and token checks keep their share of a
 * machine whose every core hashes. On Linux this lowers the thread alone; elsewhere it may be refused, which costs only that.
 */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, 10)
  } catch {
    // A sandbox that forbids it: hashing then competes as an equal.
  }
}

function carryOut(job: HashJob): HashAnswer {
  try {
    if (job.kind === 'hash') return { id: job.id, hash: bcryptHash(job.password, job.cost) }
    return { id: job.id, matches: bcryptMatches(job.password, job.stored, job.maxCost) }
  } catch (error) {
    return { id: job.id, fault: error instanceof Error ? error.name : 'unknown' }
  }
}

yieldToOthers()
parentPort?.on('message', (job: HashJob) => parentPort?.postMessage(carryOut(job)))
