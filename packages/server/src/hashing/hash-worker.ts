import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { carryOut, type HashBatch, type HashedBatch } from './hash-task.ts'

/**
 * One core's worth of password hashing. At nice 10, so that the event loop and token checks keep their share of a
 * machine whose every core hashes (docs/adr/0009). On Linux this lowers the thread alone; elsewhere it may be refused,
 * which costs only that.
 */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, 10)
  } catch {
    // A sandbox that forbids it: hashing then competes as an equal.
  }
}

function carryOutAll(batch: HashBatch): HashedBatch {
  const startedAt = performance.now()
  const answers = batch.map(carryOut)
  return { answers, seconds: (performance.now() - startedAt) / 1000 }
}

yieldToOthers()
parentPort?.on('message', (batch: HashBatch) => parentPort?.postMessage(carryOutAll(batch)))
