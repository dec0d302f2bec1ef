import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

const database = new DatabaseSync(workerData)
// It syncs the log before it is copied, and the file before the log is written over.
database.exec('pragma synchronous = normal')
// Passive: it waits for nobody, and nobody for it.
const checkpoint = database.prepare('pragma wal_checkpoint(passive)')

parentPort?.on('message', () => {
  parentPort?.postMessage(checkpoint.get())
})
