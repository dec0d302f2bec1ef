/** Tells its parent how long it took to compute as many of a product's own hashes, so many in flight, with nothing beside. */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { bcryptHash } from '../packages/server/src/hashing/bcrypt.ts'
import type { HashTask } from '../packages/server/src/hashing/hash-task.ts'
import { person } from './server.ts'

export type HashOrder = { product: string; count: number; inFlight: number; cost: number }

process.on('message', async (order: HashOrder) => process.send?.(await timeHashes(order)))
process.once('disconnect', () => process.exit())

async function timeHashes(order: HashOrder): Promise<number> {
  const hashers = order.product === 'Latchkey' ? await ourHashers(order) : await theirHashers(order)
  let left = order.count
  await Promise.all(hashers.map((hash) => hash()))

  const startedAt = performance.now()
  await Promise.all(
    hashers.map(async (hash) => {
      while (left-- > 0) await hash()
    }),
  )
  return performance.now() - startedAt
}

/** bcrypt in a plain thread for each core. */
async function ourHashers({ cost }: HashOrder): Promise<(() => Promise<unknown>)[]> {
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
async function theirHashers({ inFlight }: HashOrder): Promise<(() => Promise<unknown>)[]> {
  const name = 'better-auth/crypto'
  const { hashPassword, verifyPassword } = await import(name)
  const hash = await hashPassword(person.password)
  return Array.from({ length: inFlight }, () => () => verifyPassword({ hash, password: person.password }))
}
