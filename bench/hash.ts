/**
 * Where passwords should be hashed. Each figure is the median of rounds in which all ways take turns; a ratio is taken
 * within its round, so that what else the machine does counts for both. What a storm of logins does to others is
 * measured on the whole server: `npm run bench -- peers`.
 *
 *   npm run bench:hash
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { verify as bcryptVerify } from '@node-rs/bcrypt'
import { bcryptHash } from '../packages/server/src/hashing/bcrypt.ts'
import type { HashTask } from '../packages/server/src/hashing/hash-task.ts'
import { median } from './measure.ts'

const cores = availableParallelism()
const password = 'SecurePass123'
const rounds = 5

/** Some way to compute bcrypt beside the event loop. */
type Way = { hash(): Promise<unknown>; close(): Promise<unknown> }

/** Of cost 10: a sixteenth of a second, so that a slice of a second and a half counts some. */
const threadsCost = 10
const sliceMilliseconds = 1500
const inFlight = 32

function ownThreads(count: number, nice: number): Way {
  const stored = bcryptHash(Buffer.from(password), threadsCost)
  const task: HashTask = { kind: 'match', password: Buffer.from(password), stored, maxCost: 16, fillers: [] }
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('./hash-worker.ts', import.meta.url), { workerData: { nice } }),
  )
  const free = [...workers]
  const waiting: ((worker: Worker) => void)[] = []
  return {
    hash: async () => {
      const worker = free.pop() ?? (await new Promise<Worker>((take) => waiting.push(take)))
      const answered = once(worker, 'message')
      worker.postMessage(task)
      await answered
      const next = waiting.shift()
      if (next) next(worker)
      else free.push(worker)
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  }
}

function threadPool(): Way {
  const stored = bcryptHash(Buffer.from(password), threadsCost)
  return { hash: () => bcryptVerify(password, stored), close: async () => {} }
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signed = Buffer.from('x'.repeat(400))
const signature = sign('sha256', signed, privateKey)
const verifyInPool = promisify(verify)

/** Checks signatures in turns of the event loop for a while; answers how many. */
async function checkTokens(milliseconds: number): Promise<number> {
  const endsAt = performance.now() + milliseconds
  let count = 0
  while (performance.now() < endsAt) {
    verify('sha256', signed, publicKey, signature)
    count += 1
    await setImmediate()
  }
  return count
}

async function slice(way: Way | undefined, checksTokens: boolean) {
  let hashes = 0
  let isOver = false
  const storm = Array.from({ length: way ? inFlight : 0 }, async () => {
    while (!isOver) {
      await way?.hash()
      if (!isOver) hashes += 1
    }
  })
  await setTimeout(100)
  hashes = 0
  let checks = 0
  let poolMilliseconds = 0
  if (checksTokens) {
    const askedAt = performance.now()
    const pooled = verifyInPool('sha256', signed, publicKey, signature).then(() => {
      poolMilliseconds = performance.now() - askedAt
    })
    checks = await checkTokens(sliceMilliseconds)
    isOver = true
    await pooled
  } else await setTimeout(sliceMilliseconds)
  isOver = true
  const counted = hashes
  await Promise.all(storm)
  return { checks, hashes: counted, poolMilliseconds }
}

async function benchThreads(): Promise<void> {
  const ways: Record<string, () => Way> = {
    "libuv's pool (4)": threadPool,
    [`${cores} threads, nice 0`]: () => ownThreads(cores, 0),
    [`${cores} threads, nice 10`]: () => ownThreads(cores, 10),
    [`${cores} threads, nice 19`]: () => ownThreads(cores, 19),
    ...(cores > 1 && {
      [`${cores - 1} threads, nice 0`]: () => ownThreads(cores - 1, 0),
      [`${cores - 1} threads, nice 10`]: () => ownThreads(cores - 1, 10),
    }),
  }
  const names = Object.keys(ways)
  const results = new Map(
    names.map((name) => [
      name,
      { checks: [] as number[], busy: [] as number[], alone: [] as number[], pool: [] as number[] },
    ]),
  )
  for (let round = 0; round < rounds; round += 1) {
    const idle = await slice(undefined, true)
    const plain = ownThreads(cores, 0)
    await plain.hash()
    const ceiling = await slice(plain, false)
    await plain.close()
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const way = ways[name]?.() ?? threadPool()
      await Promise.all(Array.from({ length: cores }, way.hash))
      const alone = await slice(way, false)
      const busy = await slice(way, true)
      await way.close()
      const result = results.get(name)
      result?.alone.push(alone.hashes / ceiling.hashes)
      result?.busy.push(busy.hashes / ceiling.hashes)
      result?.checks.push(busy.checks / idle.checks)
      result?.pool.push(busy.poolMilliseconds)
      progress(`round ${round + 1} of ${rounds}: ${name}`)
    }
  }
  console.log(
    `\n${inFlight} bcrypt comparisons of cost ${threadsCost} in flight, beside a loop that checks ES256 signatures`,
  )
  console.log('                        token checks   hashes      hashes alone   work in the pool')
  console.log('                        of idle        of ceiling  of ceiling     takes')
  for (const [name, { checks, busy, alone, pool }] of results) {
    const cells = [checks, busy, alone].map((values) => median(values).toFixed(2).padEnd(13))
    console.log(`  ${name.padEnd(22)}${cells.join('')}${median(pool).toFixed(1)} ms`)
  }
}

/** CPU time of all programs on the machine, of this one with its children that have ended, and what there was, in ticks. */
function cpuTicks() {
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, ...interrupts] =
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/).slice(1).map(Number) ?? []
  const [, , softly = 0] = [0, ...interrupts]
  const busy = user + nice + system + softly
  const self = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 15)
  return { busy, own: self.map(Number).reduce((sum, each) => sum + each), all: busy + idle + waiting }
}

/** Runs a part of the bench, and says how much of the machine other programs took meanwhile: with much, distrust it. */
async function watched(bench: () => Promise<void>): Promise<void> {
  const before = cpuTicks()
  await bench()
  const after = cpuTicks()
  const foreign = after.busy - before.busy - (after.own - before.own)
  console.log(
    `  other programs took    ${((100 * foreign) / (after.all - before.all)).toFixed(0)} % of the machine meanwhile`,
  )
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

console.log(`Node ${process.version}, ${cpus()[0]?.model}, ${cores} cores, load ${loadavg()[0]?.toFixed(1)}`)
await watched(benchThreads)
