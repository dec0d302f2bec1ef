import type { Deed, GuessLimit, Life } from './history.ts'
import type { Tables } from './tables.ts'

/** What must never be found. */
export type RuleName =
  | 'account lost'
  | 'logout undone'
  | 'refresh token honoured twice'
  | 'session lost'
  | 'event missing or doubled'
  | 'rows without their deed'
  | 'limit exceeded'
  | 'answer out of place'
  | 'node ended by itself'
  | 'database damaged'
  | 'not proven'

export type Violation = { rule: RuleName; what: string }

export type Evidence = {
  history: readonly Deed[]
  tables: Tables
  nodes: readonly { name: string; lives: readonly Life[]; surprises: readonly string[] }[]
  graceMilliseconds: number
  /** For how long after a logout a verifier may go on, at most: so old may its proof be. */
  verifierLagMilliseconds: number
  limits: readonly GuessLimit[]
  /** Whether each process counts by itself, or all count in the database. */
  limitsArePer: 'process' | 'database'
}

/** For clocks that are read at other moments than things happen. */
const slackMilliseconds = 1_000

/** Judges a run by what its clients were told and what the database holds in the end. Empty: nothing was lost. */
export function judge(evidence: Evidence): Violation[] {
  return [
    ...accountsLost(evidence),
    ...logoutsUndone(evidence),
    ...tokensHonouredTwice(evidence),
    ...sessionsLost(evidence),
    ...eventsAmiss(evidence),
    ...rowsWithoutDeed(evidence),
    ...limitsExceeded(evidence),
    ...answersOutOfPlace(evidence),
    ...evidence.nodes.flatMap(({ surprises }) => surprises.map((what) => violation('node ended by itself', what))),
    ...evidence.tables.damage.map((what) => violation('database damaged', what)),
  ]
}

function violation(rule: RuleName, what: string): Violation {
  return { rule, what }
}

const isAcknowledged = ({ outcome }: Deed) => outcome === 'acknowledged'

/** From when on each account is there for sure: by its signup, or by a login where that had no answer. */
function accountsOf(history: readonly Deed[]): Map<string, number> {
  const known = new Map<string, number>()
  for (const { kind, account, endedAt, ...deed } of history) {
    if (!(kind === 'signup' || kind === 'login') || deed.outcome !== 'acknowledged') continue
    known.set(account, Math.min(endedAt, known.get(account) ?? Number.POSITIVE_INFINITY))
  }
  return known
}

function accountsLost({ history }: Evidence): Violation[] {
  const since = accountsOf(history)
  const logins = history.filter(({ kind }) => kind === 'login')
  const lost = logins
    .filter((login) => login.code === 'AUTH_FAILED' && login.startedAt > (since.get(login.account) ?? Infinity))
    .map(({ account, phase }) => violation('account lost', `${account} was refused with its password (${phase})`))
  const proven = new Set(
    logins.filter((login) => login.phase === 'after' && login.outcome !== 'unknown').map(accountOf),
  )
  const unproven = [...since.keys()]
    .filter((account) => !proven.has(account))
    .map((account) => violation('not proven', `nobody could tell whether ${account} can log in`))
  return [...lost, ...unproven]
}

const accountOf = ({ account }: Deed) => account

/** From when on each session is over for sure: by an acknowledged logout, or since a client was told that it is. */
export function endsOf(history: readonly Deed[]): Map<string, number> {
  const ends = new Map<string, number>()
  const end = (session: string, at: number) => ends.set(session, Math.min(at, ends.get(session) ?? Infinity))
  const byAccount = Map.groupBy(
    history.filter((deed) => (deed.kind === 'signup' || deed.kind === 'login') && isAcknowledged(deed)),
    accountOf,
  )
  for (const deed of history) {
    const { kind, session, account, scope, startedAt, endedAt } = deed
    if (session === undefined) continue
    const isToldSo = deed.code === 'AUTH_REVOKED' && kind !== 'verify'
    if (isToldSo || (kind === 'logout' && isAcknowledged(deed))) end(session, endedAt)
    if (kind !== 'logout' || scope !== 'global' || !isAcknowledged(deed)) continue
    for (const opened of byAccount.get(account) ?? []) {
      if (opened.session !== undefined && opened.endedAt < startedAt) end(opened.session, endedAt)
    }
  }
  return ends
}

function logoutsUndone({ history, nodes, verifierLagMilliseconds }: Evidence): Violation[] {
  const ends = endsOf(history)
  const refusals = new Map<string, Set<string>>()
  const found: Violation[] = []
  for (const deed of history) {
    const { kind, session = '', phase, node = 'the verifier', startedAt } = deed
    const endedAt = ends.get(session)
    if (endedAt === undefined || !['look', 'refresh', 'logout', 'verify'].includes(kind)) continue
    const since = startedAt - endedAt
    const allowed = kind === 'verify' ? verifierLagMilliseconds + slackMilliseconds : 0
    if (isAcknowledged(deed) && since > allowed) {
      found.push(
        violation('logout undone', `${session}: ${kind} passed ${Math.round(since)} ms after its end (${phase})`),
      )
    }
    if (phase === 'after' && deed.outcome === 'refused') {
      refusals.set(session, (refusals.get(session) ?? new Set()).add(kind === 'refresh' ? 'refresh' : node))
    }
  }

  const asked = ['refresh', 'the verifier', ...nodes.map(({ name }) => name)]
  for (const session of ends.keys()) {
    const missing = asked.filter((name) => !refusals.get(session)?.has(name))
    // One that passed is told of above, by what it did.
    if (missing.length > 0 && !found.some(({ what }) => what.startsWith(session))) {
      found.push(violation('not proven', `nobody could tell whether ${session} is refused: ${missing.join(', ')}`))
    }
  }
  return found
}

function tokensHonouredTwice({ history, graceMilliseconds }: Evidence): Violation[] {
  const uses = Map.groupBy(
    history.filter((deed) => deed.kind === 'refresh' && isAcknowledged(deed)),
    ({ presented }) => presented,
  )
  return [...uses.values()].flatMap((deeds) => {
    const session = deeds[0]?.session
    const successors = new Set(deeds.map(({ successor }) => successor))
    const firstAt = Math.min(...deeds.map(({ endedAt }) => endedAt))
    const late = deeds.filter(({ startedAt }) => startedAt > firstAt + graceMilliseconds)
    return [
      ...(successors.size > 1 ? [`${session}: one token gave ${successors.size} successors`] : []),
      ...late.map(({ startedAt }) => `${session}: a token was taken again ${Math.round(startedAt - firstAt)} ms later`),
    ].map((what) => violation('refresh token honoured twice', what))
  })
}

/** A refresh token that nobody else has shown yet, of a session that nobody tried to end, must be taken. */
function sessionsLost({ history, tables }: Evidence): Violation[] {
  const showings = Map.groupBy(
    history.filter(({ kind }) => kind === 'refresh'),
    ({ presented }) => presented,
  )
  const doubtful = new Set<string>()
  const found: Violation[] = []
  for (const { kind, account, session = '', scope, presented, outcome, endedAt } of history) {
    if (kind === 'logout') doubtful.add(scope === 'global' ? account : session)
    if (kind !== 'refresh') continue
    // One that was held back on its way comes after another that began later.
    const rivals = (showings.get(presented) ?? []).filter(({ startedAt }) => startedAt < endedAt)
    if (rivals.length > 1) doubtful.add(session)
    if (outcome !== 'refused') continue
    if (!doubtful.has(session) && !doubtful.has(account)) {
      const row = tables.sessions.find(({ id }) => id === session)
      const state = row ? (row.revoked_reason ?? 'it stands') : 'it is not there'
      found.push(violation('session lost', `${session}: its refresh token was refused (${state})`))
    }
    doubtful.add(session)
  }
  return found
}

/** Which events a deed may leave, where its answer tells that it was done; undefined where it leaves none of its own. */
function eventsOfDeed({ kind, outcome, code }: Deed): string[] | undefined {
  if (kind === 'guess' || kind === 'login') {
    if (outcome === 'acknowledged') return ['login']
    return code === 'AUTH_FAILED' ? ['login_failed'] : undefined
  }
  if (outcome !== 'acknowledged' || kind === 'look' || kind === 'verify') return undefined
  return kind === 'refresh' ? ['refresh', 'refresh_repeated'] : [kind]
}

function eventsAmiss({ history, tables }: Evidence): Violation[] {
  const byRequest = Map.groupBy(tables.events, ({ request_id }) => request_id)
  return history.flatMap((deed) => {
    const types = eventsOfDeed(deed)
    if (!types) return []
    const events = (byRequest.get(deed.requestId ?? '') ?? []).filter(({ event_type }) => types.includes(event_type))
    const isOfSession = events.every(({ session_id }) => deed.session === undefined || session_id === deed.session)
    if (events.length === 1 && isOfSession) return []
    const how = events.length === 1 ? 'an event of another session' : `${events.length} events`
    return [violation('event missing or doubled', `${deed.kind} of ${deed.account} (${deed.requestId}) has ${how}`)]
  })
}

/** What stands or falls together must do so for deeds without an answer too. */
function rowsWithoutDeed({ history, tables: { users, sessions, events } }: Evidence): Violation[] {
  const intended = new Set(history.filter(({ kind }) => kind === 'signup').map(accountOf))
  const ofUser = Map.groupBy(events, ({ user_id }) => user_id)
  const ofSession = Map.groupBy(events, ({ session_id }) => session_id)
  const count = (rows: Tables['events'] = [], ...types: string[]) =>
    rows.filter(({ event_type }) => types.includes(event_type)).length
  const wrong: string[] = []

  for (const { id, email } of users) {
    if (!intended.has(email)) wrong.push(`${email} is an account that nobody asked for`)
    const signups = count(ofUser.get(id), 'signup')
    if (signups !== 1) wrong.push(`${email} has ${signups} signup events`)
  }
  for (const { id, revoked_reason, tokens, used } of sessions) {
    const own = ofSession.get(id)
    const opened = count(own, 'signup', 'login')
    const refreshed = count(own, 'refresh')
    if (opened !== 1) wrong.push(`${id} was opened by ${opened} events`)
    if (refreshed !== used) wrong.push(`${id} used ${used} refresh tokens and has ${refreshed} refresh events`)
    if (tokens !== used + 1) wrong.push(`${id} has ${tokens - used} refresh tokens that may be used`)
    if (count(own, 'logout') > 0 && revoked_reason === null) wrong.push(`${id} has a logout event and stands`)
  }
  const known = new Set(sessions.map(({ id }) => id))
  for (const id of ofSession.keys()) if (id !== null && !known.has(id)) wrong.push(`${id} has events and is no session`)
  return wrong.map((what) => violation('rows without their deed', what))
}

/**
 * Limits count by fixed windows, each from its first attempt on, so in any time as long as a window two may fall. Where
 * each process counts by itself, each that lived in that time may allow as much.
 */
export function mostGuesses(limit: GuessLimit, lives: readonly Life[], { from, to }: Life): number {
  const windowsOf = (life: Life) => {
    const shared = Math.min(life.to, to) - Math.max(life.from, from)
    if (shared <= 0) return 0
    // A window that began before this time can end in it only where its counter is older than this time.
    return life.from < from ? 2 : 1
  }
  return limit.attempts * lives.reduce((sum, life) => sum + windowsOf(life), 0)
}

/** For each limit and each guess that passed: how many did from then on, as long as a window lasts, and how many may. */
export function guessesPassed({ history, limits, nodes, limitsArePer }: Evidence) {
  const guesses = history.filter(({ kind }) => kind === 'guess')
  const beganAt = Math.min(...guesses.map(({ startedAt }) => startedAt))
  // Nothing is counted before the first guess, in whatever process.
  const lives =
    limitsArePer === 'database'
      ? [{ from: beganAt, to: Number.POSITIVE_INFINITY }]
      : nodes.flatMap((node) => node.lives.map(({ from, to }) => ({ from: Math.max(from, beganAt), to })))

  return limits.flatMap((limit) => {
    const admitted = Map.groupBy(
      guesses.filter(({ code }) => code === 'AUTH_FAILED'),
      (deed) => deed[limit.countsBy],
    )
    return [...admitted].flatMap(([key, deeds]) =>
      deeds.map(({ startedAt }) => {
        const window = { from: startedAt, to: startedAt + limit.windowSeconds * 1000 }
        const passed = deeds.filter((deed) => deed.startedAt >= window.from && deed.endedAt < window.to).length
        return { limit, key, passed, most: mostGuesses(limit, lives, window) }
      }),
    )
  })
}

function limitsExceeded(evidence: Evidence): Violation[] {
  const tooMany = guessesPassed(evidence).filter(({ passed, most }) => passed > most)
  return [...Map.groupBy(tooMany, ({ limit, key }) => `${limit.name} by ${key}`)].map(([who, [first]]) =>
    violation('limit exceeded', `${who}: ${first?.passed} passed, of ${first?.most} at most`),
  )
}

/** What a client may be told of a deed that the rules allow, besides that the service is in trouble. */
const inPlace: Record<Deed['kind'], readonly string[]> = {
  signup: ['CONFLICT_EMAIL'],
  login: ['AUTH_FAILED'],
  guess: ['AUTH_FAILED', 'RATE_LIMIT_EXCEEDED'],
  refresh: ['AUTH_REFRESH_INVALID'],
  logout: ['AUTH_REVOKED'],
  look: ['AUTH_REVOKED'],
  verify: ['AUTH_REVOKED'],
}

function answersOutOfPlace({ history }: Evidence): Violation[] {
  return history
    .filter(({ kind, status = 503, outcome, code = '' }) => {
      if (outcome === 'refused') return !inPlace[kind].includes(code)
      return outcome === 'unknown' && status !== 503
    })
    .map(({ kind, account, status, code, requestId }) =>
      violation('answer out of place', `${kind} of ${account} was answered ${status} ${code} (${requestId})`),
    )
}
