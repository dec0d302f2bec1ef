import { setTimeout } from 'node:timers/promises'

/** What each of several ways takes, in milliseconds: the median of rounds in which each has its turn. */
export async function medians(ways: Record<string, () => number>, rounds = 9): Promise<Record<string, number>> {
  const names = Object.keys(ways)
  const times = new Map(names.map((name) => [name, [] as number[]]))
  // The first round warms up and does not count. Whoever goes first changes from round to round.
  for (let round = 0; round <= rounds; round += 1) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) {
      // Lets heartbeats in: a verifier that hears none for long is right to refuse.
      await setTimeout(1)
      const milliseconds = ways[name]?.() ?? 0
      if (round > 0) times.get(name)?.push(milliseconds)
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name) ?? [])]))
}

/** The CPU time of this thread that the work takes: other programs of the machine do not count. Make what it needs before. */
export function timed(work: () => void): number {
  globalThis.gc?.()
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}
