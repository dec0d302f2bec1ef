import type { HashOrder } from '../domain/hash-order.ts'
import { type HashScheduler, scheduleHashes } from '../hashing/hash-scheduler.ts'
import { startHashThreads } from '../hashing/hash-threads.ts'

/** Hashes on real threads, and refuses nothing for its wait. Whoever makes it closes it. */
export function patientScheduler(): HashScheduler {
  return scheduleHashes(startHashThreads(), { maxWaitSeconds: 3600, firstGuessSeconds: 0.001 })
}

export const anyOrder: HashOrder = { purpose: 'login', network: '192.0.2.1' }
