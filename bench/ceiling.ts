/** Tells its parent how long it took to compute as many of a product's own hashes, so many in flight, with nothing beside. */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { bcryptHash } from '../packages/server/src/hashing/bcrypt.ts'
import type { HashTask } from '../packages/server/src/hashing/hash-task.ts'
import { person } from './server.ts'

const { product, count, inFlight, cost } = JSON.parse(process.argv[2] ?? '{}')
const hashers = product === 'Latchkey' ? await ourHashers() : await theirHashers()
let left: number = count
await Promise.all(hashers.map((hash) => hash()))

const startedAt = performance.now()
await Promise.all(
  hashers.map(async (hash) => {
    while (left-- > 0) await hash()
  }),
)
process.send?.(performance.now() - startedAt)
process.exit(0)

/** bcrypt in a plain thread for each core. */
async function ourHashers(): Promise<(() => Promise<unknown>)[]> {
  const password = Buffer.from(person.password)
  const task: HashTask = { kind: 'match', password, stored: bcryptHash(password, cost), maxCost: 16, fillers: [] }
  return Array.from({ length: availableParallelism() }, () => {
    const worker = new Worker(new URL('./hash-worker.ts', import.meta.url), { workerData: { nice: 0 } })
    return () => {
      worker.postMessage(task)
      return once(worker, 'message')
    }
  })
}

/** scrypt as Better Auth calls it, in libuv's pool. */
async function theirHashers(): Promise<(() => Promise<unknown>)[]> {
  const name = 'better-auth/crypto'
  const { hashPassword, verifyPassword } = await import(name)
  const hash = await hashPassword(person.password)
  return Array.from({ length: inFlight }, () => () => verifyPassword({ hash, password: person.password }))
}
