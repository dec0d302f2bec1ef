import { setTimeout } from 'node:timers/promises'
import { type Client, clientOf } from './client.ts'
import { type FaultKind, makeFaults } from './faults.ts'
import type { Evidence } from './judge.ts'
import { load } from './load.ts'
import { prove } from './prove.ts'
import { chanceOf } from './random.ts'
import { graceMilliseconds, guessLimits, maxStalenessSeconds, type Site, untilReady } from './site.ts'
import { readTables } from './tables.ts'

export const clients = 8
/** So much must be done when all is mended: what comes back must also serve. */
const deedsInCalm = 60
const calmPatienceMilliseconds = 60_000

/** What a storm did, and what clients know of it. */
export type Storm = { client: Client; faults: Map<FaultKind, number>; from: number; to: number }

/** Loads a site while faults are made, until the time is over and all is mended. */
export async function storm(site: Site, { seconds, seed }: { seconds: number; seed: number }): Promise<Storm> {
  const chance = chanceOf(seed)
  const client = clientOf(site)
  const over = new AbortController()
  const from = performance.now()
  const loading = load(client, chance.branch(1), { clients, until: over.signal })
  try {
    const faults = await makeFaults(site, chance.branch(2), seconds)
    await untilReady(site.nodes)
    await untilServing(client)
    return { client, faults, from, to: performance.now() }
  } finally {
    over.abort()
    await loading
  }
}

async function untilServing({ history }: Client): Promise<void> {
  const begin = history.length
  const givesUpAt = performance.now() + calmPatienceMilliseconds
  while (history.slice(begin).filter(({ outcome }) => outcome === 'acknowledged').length < deedsInCalm) {
    if (performance.now() > givesUpAt) throw new Error(`Fewer than ${deedsInCalm} deeds in the calm after the storm`)
    await setTimeout(50)
  }
}

/** Asks the site for all that it promised, and brings together what there is to judge by. */
export async function gather(site: Site, client: Client): Promise<Evidence> {
  await prove(client, site)
  return {
    history: client.history,
    tables: readTables(site),
    nodes: site.nodes,
    graceMilliseconds,
    verifierLagMilliseconds: maxStalenessSeconds * 1000,
    limits: guessLimits,
    limitsArePer: site.engine === 'postgres' ? 'database' : 'process',
  }
}
