import type { Finding } from './judge.ts'
import { canary } from './requests.ts'

/** What a password, a token or a credential looks like, but for the false ones that the fuzzer writes into paths. */
const secretForms = new RegExp(
  `${canary}|lk[ra]_(?!A{43})[A-Za-z0-9_-]{43}|eyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}`,
)
/** What the caches and counters of a process may come to; a leak of 1 KiB a request would be a hundred megabytes. */
const maxGrowthBytes = 16 * 1024 * 1024

/** Judges what remains when everything was sent: the log, the memory, and whether the server is still there. */
export function judgeAfter(after: {
  said: string
  heapBefore: number
  heapAfter: number
  isAlive: boolean
}): Finding[] {
  const { said, heapBefore, heapAfter, isAlive } = after
  const lines = said.split('\n').filter(Boolean)
  const leaky = lines.filter((line) => secretForms.test(line))
  const faults = lines.filter((line) => /"level":("error"|"fatal"|50|60)/.test(line))
  const garbled = lines.filter((line) => line.startsWith('{') && !isJson(line))
  return [
    ...(isAlive ? [] : [{ rule: 'the server is alive', what: lines.slice(-5).join('\n') }]),
    ...leaky.slice(0, 3).map((line) => ({ rule: 'no secret in the log', what: line.slice(0, 400) })),
    ...faults.slice(0, 3).map((line) => ({ rule: 'no fault in the log', what: line.slice(0, 1500) })),
    ...garbled.slice(0, 3).map((line) => ({ rule: 'each line of the log is JSON', what: line.slice(0, 400) })),
    ...(heapAfter - heapBefore > maxGrowthBytes
      ? [{ rule: 'memory is flat', what: `the heap grew from ${heapBefore} to ${heapAfter} bytes` }]
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
