import type { Finding } from './judge.ts'
import { canary } from './requests.ts'

/** What a password, a token or a credential looks like, but for the false ones that the fuzzer writes into paths. */
const secretForms = new RegExp(
  `${canary}|lk[ra]_(?!A{43})[A-Za-z0-9_-]{43}|eyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}`,
)
/**
 * What code, counters and the keys of limits come to. Short beside a leak: 64 bytes a request would be as much after
 * 100,000 of them.
 */
const maxGrowthBytes = 6 * 1024 * 1024
/** A verified token in the server's cache, with its claims. It keeps 100,000 at most, so a run does not fill it. */
const tokenBytes = 1536

/** Judges what remains when everything was sent: the log, the memory, and whether the server is still there. */
export function judgeAfter(after: {
  said: string
  heapBefore: number
  heapAfter: number
  /** How many access tokens the server took between the two. */
  tokens: number
  isAlive: boolean
}): Finding[] {
  const { said, heapBefore, heapAfter, tokens, isAlive } = after
  const grown = heapAfter - heapBefore
  const lines = said.split('\n').filter(Boolean)
  const leaky = lines.filter((line) => secretForms.test(line))
  const faults = lines.filter((line) => /"level":("error"|"fatal"|50|60)/.test(line))
  const garbled = lines.filter((line) => line.startsWith('{') && !isJson(line))
  return [
    ...(isAlive ? [] : [{ rule: 'the server is alive', what: lines.slice(-5).join('\n') }]),
    ...leaky.slice(0, 3).map((line) => ({ rule: 'no secret in the log', what: line.slice(0, 400) })),
    ...faults.slice(0, 3).map((line) => ({ rule: 'no fault in the log', what: line.slice(0, 1500) })),
    ...garbled.slice(0, 3).map((line) => ({ rule: 'each line of the log is JSON', what: line.slice(0, 400) })),
    ...(grown > maxGrowthBytes + tokens * tokenBytes
      ? [{ rule: 'memory is flat', what: `the heap grew by ${grown} bytes, with ${tokens} tokens in its cache` }]
      : []),
  ]
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}
