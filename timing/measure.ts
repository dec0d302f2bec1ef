import { randomInt } from 'node:crypto'
import { median } from '../bench/measure.ts'
import { newRefreshToken } from '../packages/server/src/crypto/secrets.ts'
import { bcryptHash } from '../packages/server/src/hashing/bcrypt.ts'
import { type Answer, openLine, type Question } from './exchange.ts'
import { emailOf, type Kind, makeSite, rightPassword, type Server, type Site, wrongPassword } from './site.ts'
import { type Comparison, compare } from './statistics.ts'

/** Two sides that are refused alike, and what is expected of their times. */
type Contest = {
  name: string
  /** How the server is made to leak; undefined where it is as it comes. */
  sabotage?: string
  path: string
  code: string
  one: (round: number) => object
  other: (round: number) => object
  expected: 'equal' | 'different'
  marginMicroseconds: number
}

export type Finding = Comparison &
  Pick<Contest, 'name' | 'marginMicroseconds'> & {
    /** Of one answer, in microseconds. */
    typical: number
    isAsExpected: boolean
  }

type Plan = { cost: number; pairs: number; progress(text: string): void }

/** The limit of an account is ten an hour. */
const guessesPerAccount = 8
const mostWarmUps = 50
/** What nobody can tell apart, whatever a hash takes: attackers reach 15 to 100 over the Internet. */
const leastMargin = 25
const hashShare = 0.02
/** Standard deviations beyond which a difference needs no second look. */
const clearBeyond = 10
const attempts = 3

/**
 * Measures refused logins, and at a test's cost refused refreshes too, in pairs. All comparisons take turns, a pair of
 * each in every round, in random order, and the two of a pair in random order too: what else the machine does counts for all
 * alike, and the controls tell of the very time in which the others were measured. What is not as it must be, and
 * not clearly so, is measured for longer: on fresh servers, which count no attempts of before.
 */
export async function measure({ cost, pairs, progress }: Plan): Promise<Finding[]> {
  const warmUps = Math.min(mostWarmUps, Math.ceil(pairs / 10))
  const accounts = Math.max(2, Math.ceil((pairs + warmUps) / guessesPerAccount))
  progress(`cost ${cost}: ${2 * accounts} accounts sign up`)
  const site = await makeSite({ cost, accounts })
  try {
    const contests = contestsOf(site, { cost, accounts })
    const taken = new Map(contests.map((contest) => [contest, [] as Pair[]]))
    let left = contests
    for (let attempt = 1; attempt <= attempts && left.length > 0; attempt += 1) {
      const say = (round: number) => progress(`cost ${cost}: pair ${round} of ${pairs}${attempt > 1 ? ', again' : ''}`)
      await race(site, left, { pairs, warmUps, progress: say, taken })
      left = left.filter((contest) => !isClear(findingOf(contest, taken.get(contest) ?? [])))
    }
    return contests.map((contest) => findingOf(contest, taken.get(contest) ?? []))
  } finally {
    site.close()
  }
}

function isClear({ isAsExpected, z }: Finding): boolean {
  return isAsExpected || Math.abs(z) > clearBeyond
}

function findingOf({ name, expected, marginMicroseconds }: Contest, pairs: readonly Pair[]): Finding {
  const differences = pairs.map(({ one, other }) => one - other)
  const comparison = compare(differences, marginMicroseconds)
  const typical = median(pairs.map(({ other }) => other))
  return { ...comparison, name, marginMicroseconds, typical, isAsExpected: comparison.verdict === expected }
}

function contestsOf(site: Site, { cost, accounts }: { cost: number; accounts: number }): Contest[] {
  const isCheap = cost < 10
  const margin = Math.max(leastMargin, hashShare * hashMicroseconds(cost))
  const guess =
    (kind: Kind, password = wrongPassword) =>
    (round: number) => ({ email: emailOf(kind, round % accounts), password })
  const login = { path: '/api/auth/login', code: 'AUTH_FAILED', marginMicroseconds: margin, other: guess('ghost') }
  const bring = (tokens: readonly string[]) => (round: number) => ({ refresh_token: tokens[round % tokens.length] })
  const refresh = {
    path: '/api/auth/refresh',
    code: 'AUTH_REFRESH_INVALID',
    marginMicroseconds: leastMargin,
    expected: 'equal',
  } as const
  // Of its own for each: what is asked for more often is found sooner, wherever it is kept.
  const unknown = () => bring(site.revoked.map(newRefreshToken))
  const logins: Contest[] = [
    { ...login, name: 'login: wrong password, unknown email', one: guess('known'), expected: 'equal' },
    {
      ...login,
      name: 'login: inactive account, unknown email',
      one: guess('inert', rightPassword),
      expected: 'equal',
      // Of its own, for an account may be guessed at ten times only.
      other: guess('quiet'),
    },
    { ...login, name: 'null control: unknown, unknown', one: guess('spook'), other: guess('spell'), expected: 'equal' },
  ]
  const controls: Contest[] = [
    {
      ...login,
      name: 'positive control: decoy hash removed',
      sabotage: 'no-decoy',
      one: guess('known'),
      expected: 'different',
    },
    {
      ...login,
      name: `positive control: ${Math.round(2 * margin)} µs more for a known email`,
      sabotage: `delay=${Math.round(2 * margin)}`,
      one: guess('known'),
      expected: 'different',
    },
  ]
  const refreshes: Contest[] = [
    { ...refresh, name: 'refresh: revoked, unknown token', one: bring(site.revoked), other: unknown() },
    { ...refresh, name: 'refresh: expired, unknown token', one: bring(site.expired), other: unknown() },
    { ...refresh, name: 'null control: unknown, unknown token', one: unknown(), other: unknown() },
    {
      ...refresh,
      // Refused by its looks, before the database is asked. Whoever sends it knows how it looks.
      name: 'positive control: misshapen, unknown token',
      one: bring(site.revoked.map(() => `xxx${newRefreshToken().slice(3)}`)),
      other: unknown(),
      expected: 'different',
    },
  ]
  return [...logins, ...controls, ...(isCheap ? refreshes : [])]
}

/** Of one hash by itself: the quickest of a few, for a busy machine must not widen the margin. */
function hashMicroseconds(cost: number): number {
  const times = Array.from({ length: 5 }, () => {
    const startedAt = performance.now()
    bcryptHash(Buffer.from(wrongPassword), cost)
    return 1000 * (performance.now() - startedAt)
  })
  return Math.min(...times)
}

type Race = { pairs: number; warmUps: number; progress(round: number): void; taken: Map<Contest, Pair[]> }

async function race(
  site: Site,
  contests: readonly Contest[],
  { pairs, warmUps, progress, taken }: Race,
): Promise<void> {
  const servers = new Map<string | undefined, Server>()
  try {
    for (const { sabotage } of contests) {
      if (!servers.has(sabotage)) servers.set(sabotage, await site.start(sabotage))
    }
    for (let round = 0; round < pairs + warmUps; round += 1) {
      for (const contest of shuffled(contests)) {
        const server = servers.get(contest.sabotage)
        if (!server) continue
        const pair = await measurePair(server, contest, round)
        if (round >= warmUps) taken.get(contest)?.push(pair)
      }
      progress(Math.max(0, round + 1 - warmUps))
    }
  } finally {
    for (const server of servers.values()) await server.stop()
  }
}

type Pair = { one: number; other: number }

async function measurePair({ port }: Server, { path, code, one, other }: Contest, round: number): Promise<Pair> {
  const line = await openLine(port)
  try {
    // Neither of the two is the first on its connection.
    await line.ask({ method: 'GET', path: '/healthz' })
    const ask = (body: object) => refused(line.ask, { path, body }, code)
    if (randomInt(2) === 0) return { one: await ask(one(round)), other: await ask(other(round)) }
    const later = await ask(other(round))
    return { one: await ask(one(round)), other: later }
  } finally {
    line.close()
  }
}

async function refused(
  ask: (question: Question) => Promise<Answer>,
  question: Question,
  code: string,
): Promise<number> {
  const { status, body, microseconds } = await ask(question)
  if (status === 401 && JSON.parse(body).error.code === code) return microseconds
  throw new Error(`Cannot measure: ${question.path} answered ${status} ${body}`)
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: randomInt(2 ** 32) }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item)
}
