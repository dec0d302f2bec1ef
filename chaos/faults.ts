import { setTimeout } from 'node:timers/promises'
import type { Route } from './proxy.ts'
import type { Chance } from './random.ts'
import type { Site } from './site.ts'

export const faultKinds = [
  'node killed',
  'node paused',
  'Postgres killed, all processes',
  'Postgres killed, one backend',
  'node cut off from Postgres',
  'node cut off from clients',
  'silence between node and Postgres',
  'delay between node and Postgres',
  'delay between node and clients',
  'answer to COMMIT lost',
] as const

export type FaultKind = (typeof faultKinds)[number]

type Fault = (site: Site, chance: Chance, seconds: number) => Promise<void>

const milliseconds = 1000
const startPatienceMilliseconds = 10_000
/** A connection is cut at the latest when Postgres would have been asked to commit again. */
const commitPatienceMilliseconds = 3_000

const onFront = (act: (route: Route, seconds: number) => Promise<void>): Fault => {
  return async ({ nodes }, chance, seconds) => {
    const node = chance.oneOf(nodes)
    if (node) await act(node.front, seconds)
  }
}

const onBack = (act: (route: Route, seconds: number) => Promise<void>): Fault => {
  return async ({ nodes }, chance, seconds) => {
    const back = chance.oneOf(nodes)?.back
    if (back) await act(back, seconds)
  }
}

async function cutOff(route: Route, seconds: number): Promise<void> {
  route.cut()
  await setTimeout(seconds * milliseconds)
  route.mend()
}

async function delay(route: Route, seconds: number): Promise<void> {
  route.delayMilliseconds = 20 + 60 * seconds
  await setTimeout(seconds * milliseconds)
  route.delayMilliseconds = 0
}

async function silence(route: Route, seconds: number): Promise<void> {
  const over = setTimeout(seconds * milliseconds)
  route.passing = over
  await over
}

async function loseCommit(route: Route): Promise<void> {
  const before = route.commitsLost
  const givesUpAt = performance.now() + commitPatienceMilliseconds
  route.losesCommit = true
  while (route.commitsLost === before && performance.now() < givesUpAt) await setTimeout(10)
  route.losesCommit = false
}

const faults: Record<FaultKind, Fault> = {
  'node killed': async ({ nodes }, chance) => {
    const node = chance.oneOf(nodes)
    if (!node) return
    node.kill()
    // It may be cut off from what it needs, so nobody waits for more than that it had the time to start.
    const givesUpAt = performance.now() + startPatienceMilliseconds
    do await setTimeout(50)
    while (node.front.port === undefined && performance.now() < givesUpAt)
  },
  'node paused': async ({ nodes }, chance, seconds) => {
    const node = chance.oneOf(nodes)
    node?.pause()
    await setTimeout(seconds * milliseconds)
    node?.goOn()
  },
  'Postgres killed, all processes': async ({ postgres }) => {
    await postgres?.crash()
    await postgres?.start()
  },
  'Postgres killed, one backend': async ({ postgres }, chance) => postgres?.crashBackend(chance.oneOf),
  'node cut off from Postgres': onBack(cutOff),
  'node cut off from clients': onFront(cutOff),
  'silence between node and Postgres': onBack(silence),
  'delay between node and Postgres': onBack(delay),
  'delay between node and clients': onFront(delay),
  'answer to COMMIT lost': onBack(loseCommit),
}

const ofPostgres = /Postgres|COMMIT/
/** Longer than a verifier or a node believes what it knows. */
const longCutSeconds = 40
const longRunSeconds = 120

/**
 * Makes faults until the time is over, each kind in its turn, in an order, at places and for times that chance chooses;
 * several at once. Answers how many of each there were, when all is mended.
 *
 * @throws {Error} where Postgres does not start again
 */
export async function makeFaults(site: Site, chance: Chance, seconds: number): Promise<Map<FaultKind, number>> {
  const kinds = faultKinds.filter((kind) => site.postgres || !ofPostgres.test(kind))
  const made = new Map<FaultKind, number>(kinds.map((kind) => [kind, 0]))
  const endsAt = performance.now() + seconds * milliseconds
  const period = Math.min(6 / site.nodes.length, seconds / (kinds.length + 1))
  const running = new Map<FaultKind, Promise<unknown>>()
  const problems: unknown[] = []

  for (let round = 1; round === 1 || performance.now() < endsAt; round += 1) {
    for (const kind of chance.shuffled(kinds)) {
      await setTimeout(period * chance.between(0.5, 1) * milliseconds)
      // However slow the machine is, each kind is met once.
      if (round > 1 && performance.now() >= endsAt) break
      // Chance is asked as often whatever is still going on, so that the choices stay those of the seed.
      const isLong = seconds >= longRunSeconds && chance.fraction() < 0.03
      const lasts = isLong ? longCutSeconds : chance.between(0.2, Math.min(4, 2 * period))
      const own = chance.branch(Math.floor(chance.fraction() * 2 ** 31))
      // The same weather twice at once would end with the first.
      if (running.has(kind)) continue
      made.set(kind, (made.get(kind) ?? 0) + 1)
      const fault = faults[kind](site, own, lasts)
        .catch((error) => problems.push(error))
        .finally(() => running.delete(kind))
      running.set(kind, fault)
    }
  }
  await Promise.all(running.values())
  if (problems.length > 0) throw problems[0]
  return made
}
