import { setTimeout } from 'node:timers/promises'

type Way = () => number | Promise<number>

/** What each of several ways takes, as each says of itself: the median of rounds in which each has its turn. */
export async function medians<Name extends string>(
  ways: Record<Name, Way>,
  rounds: number,
): Promise<Record<Name, number>> {
  const names = Object.keys(ways) as Name[]
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>
  // The first round warms up and does not count. Whoever goes first changes from round to round.
  for (let round = 0; round <= rounds; round += 1) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) {
      // Lets heartbeats in: a verifier that hears none for long is right to refuse.
      await setTimeout(1)
      const figure = await ways[name]()
      if (round > 0) taken[name].push(figure)
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(taken[name])])) as Record<Name, number>
}

/** The CPU time of this thread that the work takes, in microseconds for each of `count` pieces. Make what it needs before. */
export function cpuOf(count: number, work: () => void): number {
  globalThis.gc?.()
  const before = process.threadCpuUsage()
  work()
  return microsecondsSince(before) / count
}

/** As `cpuOf`, of work that waits in between: whatever else the thread does meanwhile counts too. */
export async function cpuOfWaiting(count: number, work: () => Promise<void>): Promise<number> {
  globalThis.gc?.()
  const before = process.threadCpuUsage()
  await work()
  return microsecondsSince(before) / count
}

function microsecondsSince(before: { user: number; system: number }): number {
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that the given share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)] ?? Number.NaN
}
