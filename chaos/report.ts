import { arch, cpus, totalmem } from 'node:os'
import type { FaultKind } from './faults.ts'
import type { Deed, DeedKind } from './history.ts'
import type { guessesPassed, Violation } from './judge.ts'
import type { Engine } from './site.ts'

/** A run, as it is told. */
export type Report = {
  engine: Engine
  nodes: number
  seconds: number
  seed: number
  clients: number
  faults: ReadonlyMap<FaultKind, number>
  history: readonly Deed[]
  /** From when on clients were at it, and until when. */
  storm: { from: number; to: number }
  violations: readonly Violation[]
  guesses: ReturnType<typeof guessesPassed>
}

const kinds: Record<DeedKind, string> = {
  signup: 'signups',
  login: 'logins',
  refresh: 'refreshes',
  logout: 'logouts',
  look: 'own profile read',
  guess: 'guesses at passwords',
  verify: 'tokens verified elsewhere',
}

/** The figures of a run, as Markdown. */
export function figuresOf(report: Report): string {
  const { faults, history, violations, seconds, seed, clients, nodes } = report
  const deeds = Object.entries(kinds).map(([kind, name]) => {
    const own = history.filter((deed) => deed.kind === kind)
    const count = (outcome: Deed['outcome']) => own.filter((deed) => deed.outcome === outcome).length
    return `| ${name} | ${count('acknowledged')} | ${count('refused')} | ${count('unknown')} |`
  })
  const promised = history.filter(isPromise).length
  const pause = (longestPause(report) / 1000).toFixed(1)
  return [
    `${seconds} seconds of faults, ${nodes} node${nodes > 1 ? 's' : ''}, ${clients} clients and one who guesses, seed ${seed}.`,
    '',
    '| fault | times |',
    '|---|---|',
    ...[...faults].map(([kind, times]) => `| ${kind} | ${times} |`),
    '',
    '| deed | acknowledged | refused | no answer, or 503 |',
    '|---|---|---|---|',
    ...deeds,
    '',
    '| | |',
    '|---|---|',
    `| signups, logins, refreshes and logouts acknowledged | ${promised} |`,
    `| of them lost, undone, doubled or without their event | ${violations.length} |`,
    ...(violations.length === 0 && promised > 0
      ? [`| so at most, with a confidence of 95 % | 1 of ${Math.floor(promised / 3)} |`]
      : []),
    ...limitRows(report),
    `| longest time in which nothing was acknowledged | ${pause} s |`,
    `| longest time that the verifier took for a logout | ${verifierLag(report)} |`,
  ].join('\n')
}

/** For each limit the one who got most guesses through. */
function limitRows({ guesses }: Report): string[] {
  return [...Map.groupBy(guesses, ({ limit }) => limit)].map(([{ countsBy, windowSeconds }, passed]) => {
    const [most] = passed.toSorted((one, other) => other.passed - one.passed)
    return `| most guesses that passed within ${windowSeconds} s, by ${countsBy} | ${most?.passed}, of ${most?.most} that may |`
  })
}

function isPromise({ kind, outcome }: Deed): boolean {
  return outcome === 'acknowledged' && ['signup', 'login', 'refresh', 'logout'].includes(kind)
}

function longestPause({ history, storm: { from, to } }: Report): number {
  const answers = history
    .filter((deed) => isPromise(deed) && deed.endedAt < to)
    .map(({ endedAt }) => endedAt)
    .toSorted((one, other) => one - other)
  return Math.max(...[...answers, to].map((at, place) => at - (answers[place - 1] ?? from)))
}

/** By the tokens that a verifier still took after their session's logout was acknowledged. */
function verifierLag({ history }: Report): string {
  const ends = new Map<string, number>()
  for (const { kind, outcome, session = '', endedAt } of history) {
    if (kind === 'logout' && outcome === 'acknowledged')
      ends.set(session, Math.min(endedAt, ends.get(session) ?? Infinity))
  }
  const late = history
    .filter(({ kind, outcome }) => kind === 'verify' && outcome === 'acknowledged')
    .map(({ session = '', startedAt }) => startedAt - (ends.get(session) ?? Infinity))
    .filter((lag) => lag > 0)
  return late.length === 0 ? 'no token of an ended session was taken' : `${Math.round(Math.max(...late))} ms`
}

/** The machine that figures are of. */
export function machine(): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${memory} GiB, ${process.platform} ${arch()}, Node ${process.version}`
}
