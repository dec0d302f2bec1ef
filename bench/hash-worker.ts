/** A hash thread for `hash.ts`, at whatever priority it is told. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { carryOut, type HashTask } from '../packages/server/src/hashing/hash-task.ts'

setPriority(0, workerData.nice)
parentPort?.on('message', (task: HashTask) => parentPort?.postMessage(carryOut(task)))
