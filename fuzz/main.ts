/**
 * Sends valid, nearly valid and hostile requests, made from the contract, to a server of its own, and judges each answer.
 *
 *   npm run fuzz -- [--requests N] [--seed S]
 *
 * Ends with 1 where a rule was broken; each is told with the smallest request that breaks it, as a line for curl.
 */
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { judgeAfter } from './after.ts'
import { readContract } from './contract.ts'
import { readsForwardingAsOracle } from './forwarding.ts'
import { createJudge } from './judge.ts'
import { fuzz, type Tally } from './run-fuzz.ts'
import { openSite } from './site.ts'
import { readsTokensAsOracle } from './tokens.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
})
const requests = Number(values.requests)
const seed = Number(values.seed)
if (!Number.isSafeInteger(requests) || requests < 1)
  end(`--requests must be a whole number from 1 on: it is ${JSON.stringify(values.requests)}`)
if (!Number.isSafeInteger(seed)) end(`--seed must be a whole number: it is ${JSON.stringify(values.seed)}`)

/** Before the heap is measured: what every process fills once, caches and compiled code among it. */
const warmUp = Math.min(5000, Math.ceil(requests / 4))

console.log(`${requests} requests, seed ${seed}`)
const startedAt = performance.now()
await fc.assert(readsTokensAsOracle, { seed, numRuns: requests })
fc.assert(readsForwardingAsOracle, { seed, numRuns: requests })
console.log(`token parser and forwarding headers: ${requests} inputs each, judged by jose and by proxy-addr`)
const contract = readContract()
const judge = createJudge(contract)
const site = await openSite()
try {
  const first = await fuzz(site, { contract, judge, requests: warmUp, seed: seed - 1_000_000, onProgress })
  const heapBefore = await site.heapBytes()
  const tally = await fuzz(site, { contract, judge, requests, seed, onProgress })
  process.stdout.write('\n')
  const isAlive = site.isAlive()
  const heapAfter = isAlive ? await site.heapBytes() : Number.POSITIVE_INFINITY

  for (const line of statusesOf(tally)) console.log(line)
  const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
  const heap = `${mebibytes(heapBefore)} MiB before, ${mebibytes(heapAfter)} MiB after`
  console.log(`heap after garbage collection: ${heap}, with ${tally.tokens} tokens more in its cache`)

  const found = [...first.findings.values(), ...tally.findings.values()]
  const after = judgeAfter({ said: site.said(), heapBefore, heapAfter, tokens: tally.tokens, isAlive })
  for (const { finding, curl, seed } of found)
    console.log(`\n${finding.rule}: ${finding.what}\n  seed ${seed}\n  ${curl}`)
  for (const { rule, what } of after) console.log(`\n${rule}: ${what}`)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  console.log(
    `\n${first.sent + tally.sent} requests in ${seconds} s, seed ${seed}: ${found.length + after.length} rules broken`,
  )
  process.exitCode = found.length + after.length > 0 ? 1 : 0
} finally {
  await site.close()
}

function onProgress({ sent, findings }: Tally): void {
  process.stdout.write(`\r${sent} sent, ${findings.size} found `)
}

function statusesOf({ answered }: Tally): string[] {
  const byOperation = new Map<string, string[]>()
  for (const [key, count] of [...answered].sort()) {
    const [operation = '', status] = key.split(' ')
    byOperation.set(operation, [...(byOperation.get(operation) ?? []), `${status}: ${count}`])
  }
  return [...byOperation].map(([operation, counts]) => `${operation.padEnd(20)} ${counts.join('  ')}`)
}

function end(message: string): never {
  console.error(message)
  process.exit(2)
}
