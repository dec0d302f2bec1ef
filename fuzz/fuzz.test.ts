import { expect, test } from 'vitest'
import { judgeAfter } from './after.ts'
import { readContract } from './contract.ts'
import { createJudge } from './judge.ts'
import { fuzz, type Tally } from './run-fuzz.ts'
import { openSite } from './site.ts'

const contract = readContract()
const fixedSeed = 7
const fixedRequests = 400
const freeRequests = 200

test('whatever is sent, each answer is in the contract, and the server goes on', { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  const site = await openSite()
  onTestFinished(site.close)
  const judge = createJudge(contract)
  const freeSeed = Math.floor(Math.random() * 2 ** 31)
  console.log(`npm run fuzz -- --requests ${freeRequests} --seed ${freeSeed}`)

  const fixed = await fuzz(site, { contract, judge, requests: fixedRequests, seed: fixedSeed })
  const heapBefore = await site.heapBytes()
  const free = await fuzz(site, { contract, judge, requests: freeRequests, seed: freeSeed })
  const heapAfter = await site.heapBytes()

  expect([...fixed.findings.values(), ...free.findings.values()]).toEqual([])
  const after = { said: site.said(), heapBefore, heapAfter, tokens: free.tokens, isAlive: site.isAlive() }
  expect(judgeAfter(after)).toEqual([])
  // Or only the refusals would have been tried.
  expect(operationsDoneIn(fixed)).toEqual(new Set(contract.operations.map(({ operationId }) => operationId)))
  expect(shareDoneOf(free)).toBeGreaterThan(0.2)
})

function operationsDoneIn({ answered }: Tally): Set<string> {
  const done = [...answered.keys()].filter((key) => / 20[01]$/.test(key)).map((key) => key.split(' ')[0] ?? '')
  return new Set(done.filter((operation) => operation !== 'none'))
}

function shareDoneOf({ answered }: Tally): number {
  const all = [...answered.values()].reduce((sum, count) => sum + count, 0)
  const done = [...answered].filter(([key]) => / 2\d\d$/.test(key)).reduce((sum, [, count]) => sum + count, 0)
  return done / all
}
