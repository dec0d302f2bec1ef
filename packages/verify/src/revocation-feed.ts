import type { Agent } from 'node:http'
import { backOff, type EventStream, followEventStream, jittered } from './event-stream.ts'
import type { StreamEvent } from './event-stream-parser.ts'
import { listLoader } from './list-loader.ts'
import { type BitStore, sessionsPerList, statusBits } from './status-bits.ts'
import type { StatusListRules } from './status-list-token.ts'
import { parseStrictJson } from './strict-json.ts'
import { TokenError } from './token-error.ts'
import type { TokenStatus } from './token-status.ts'

/** What a verifier asks about a token that is otherwise good. */
export interface RevocationSource {
  /**
   * Whether the token's session is known to be revoked. Called for each token, so it must be quick. For a place that
   * cannot be one of the issuer's, let it throw a `TokenError` with code AUTH_INVALID_CLAIMS.
   */
  isRevoked(status: TokenStatus): boolean
  /**
   * Passes when what `isRevoked` knows is recent enough, throws or rejects when it is not.
   * The verifier throws on what it gets: let it be a `TokenError` with code REVOCATIONS_STALE.
   */
  assertFresh?(): void | Promise<void>
  close?(): void
}

export interface RevocationFeed extends RevocationSource {
  assertFresh(): void | Promise<void>
  /** For who remembers tokens: the bits that `isRevoked` asks, and where one stands. */
  readonly store: BitStore
  /** @throws {TokenError} AUTH_INVALID_CLAIMS */
  positionOf(status: TokenStatus): number
  /**
   * Resolves when the stream has proven that nothing is missing: from then on a revocation is heard as it is told. Once
   * waited for in vain it is not waited for again: it may be refused, or held back on its way.
   */
  connected(): Promise<void>
  /** For how long `assertFresh` goes on to pass, if no clock is set; 0 where it does not. */
  freshMilliseconds(): number
  close(): void
  status(): RevocationStatus
}

export interface RevocationStatus {
  /** `waiting` until all lists were loaded once, `stale` when the newest proof is older than allowed. */
  readonly state: 'waiting' | 'fresh' | 'stale' | 'closed'
  /** Age of the newest proof that no revocation is missing; undefined before the first. */
  readonly lagMilliseconds: number | undefined
  /** Ends of sessions up to this one are known; undefined before the first load. */
  readonly cursor: string | undefined
  /** How many lists are held, and what their bits take. */
  readonly lists: number
  readonly memoryBytes: number
  /** What ended the last connection, or failed at the last load, if there is none now. */
  readonly problem: string | undefined
}

/** Where the lists are listed, and the stream. */
export interface FeedEndpoints {
  statusLists: string
  revocationStream: string
}

interface Options {
  issuer: string
  /** For the lists. */
  agent: Agent
  /** Asked before each load. Rejects where the issuer cannot be found. */
  findEndpoints: () => Promise<FeedEndpoints>
  /** For the stream. */
  credential?: string | undefined
  /** Finds the key of a status list. Rejects where there is none. */
  findKey: StatusListRules['findKey']
  maxStalenessSeconds: number
  onStale?: 'reject' | 'introspect' | 'accept'
  /** Unix milliseconds. */
  now: () => number
  /** A clock in milliseconds that is never set back. */
  elapsed?: () => number
  silenceMilliseconds?: number
  /** How long a request waits for the first load. */
  patienceMilliseconds?: number
  /** How long `connected` waits. */
  streamPatienceMilliseconds?: number
}

/** A proof that nothing is missing, by both clocks: one can be set, the other stands still while the machine sleeps. */
interface Proof {
  elapsedAt: number
  wallAt: number
}

/** All lists are asked for once an hour, changed or not, so that those that are over can be forgotten. */
const reloadMilliseconds = 60 * 60 * 1_000

/**
 * Follows the issuer's revocations: loads all status lists, then follows the stream from where they stood.
 *
 * Events of the stream: `revoked` brings indexes by list, and names the event that it follows on; `current` says that
 * nothing is missing up to its id, and for how long the stream had been open when that was so, which dates it whatever
 * held it back; `reset` sends back to the lists. A bit once set stays set. While the stream brings no fresh `current` the
 * lists are polled. An event that cannot be read, or does not stand where the last one ended, drops the connection, and
 * the issuer is asked again for what came after the last one that did.
 */
export function followRevocations({
  issuer,
  agent,
  findEndpoints,
  credential,
  findKey,
  maxStalenessSeconds,
  onStale = 'reject',
  now,
  elapsed = () => performance.now(),
  silenceMilliseconds = 10_000,
  patienceMilliseconds = 5_000,
  streamPatienceMilliseconds = 250,
}: Options): RevocationFeed {
  const maxStaleness = maxStalenessSeconds * 1_000
  const pollMilliseconds = Math.min(Math.max(maxStaleness / 4, 100), 10_000)
  const bits = statusBits(issuer)
  const loader = listLoader({ issuer, agent, bits, findKey, now })
  let proof: Proof | undefined
  /** Every end up to this one is known. */
  let cursor: number | undefined
  let stream: EventStream | undefined
  let streamUrl = ''
  let loadedAt = 0
  let problem: string | undefined = 'no list was loaded yet'
  let failures = 0
  let resets = 0
  let isLoading = false
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let wait: Promise<void> | undefined
  let endWait = () => {}
  let connecting: Promise<void> | undefined
  let endConnecting = () => {}

  function prove(at: number): void {
    const age = Math.max(elapsed() - at, 0)
    if (proof && elapsed() - age <= proof.elapsedAt) return
    proof = { elapsedAt: elapsed() - age, wallAt: now() - age }
  }

  function take({ type, id, data }: StreamEvent, askedAt: number): void {
    if (type === 'reset') startOver()
    if (type === 'revoked') takeEnds(readEnds(data), readCursor(id))
    if (type === 'current') takeHeartbeat(readOpenSeconds(data), readCursor(id), askedAt)
  }

  function takeEnds({ after, lists }: Ends, upTo: number): void {
    for (const { list, indexes } of lists) for (const index of indexes) bits.set(list, index)
    if (cursor === undefined || after > cursor) throw incomplete()
    cursor = Math.max(cursor, upTo)
  }

  function takeHeartbeat(openSeconds: number, upTo: number, askedAt: number): void {
    if (upTo !== cursor) throw incomplete()
    prove(askedAt + openSeconds * 1_000)
    problem = undefined
    resets = 0
    endConnecting()
  }

  /** What came between is not known: nothing is proven by the stream until the lists were loaded again. */
  function startOver(): void {
    stream?.close()
    stream = undefined
    streamUrl = ''
    cursor = undefined
    resets += 1
    schedule(resets === 1 ? 0 : backOff(resets))
  }

  function follow(url: string): void {
    stream?.close()
    streamUrl = url
    stream = followEventStream({
      url,
      credential,
      cursor: () => String(cursor),
      onEvent: take,
      elapsed,
      silenceMilliseconds,
    })
  }

  async function load(): Promise<void> {
    if (isLoading) return
    isLoading = true
    const startedAt = elapsed()
    try {
      const { statusLists, revocationStream } = await findEndpoints()
      const loaded = await loader.load(statusLists, cursor ?? 0)
      if (isClosed) return
      cursor = Math.max(cursor ?? 0, loaded.cursor)
      prove(startedAt - loaded.ageSeconds * 1_000)
      loadedAt = startedAt
      failures = 0
      problem = undefined
      if (revocationStream !== streamUrl) follow(revocationStream)
      endWait()
    } catch (error) {
      failures += 1
      problem = error instanceof Error ? error.message : 'the lists could not be loaded'
    } finally {
      isLoading = false
    }
  }

  function isLoadDue(): boolean {
    const isProven = proof !== undefined && elapsed() - proof.elapsedAt < pollMilliseconds
    return !stream || !isProven || elapsed() - loadedAt > reloadMilliseconds
  }

  function schedule(milliseconds: number): void {
    clearTimeout(timer)
    if (isClosed) return
    timer = setTimeout(async () => {
      if (isLoadDue()) await load()
      schedule(stream ? jittered(pollMilliseconds) : backOff(failures))
    }, milliseconds)
    timer.unref()
  }

  function isFresh(): boolean {
    return (
      !isClosed &&
      proof !== undefined &&
      elapsed() - proof.elapsedAt <= maxStaleness &&
      now() - proof.wallAt <= maxStaleness
    )
  }

  function freshMilliseconds(): number {
    if (isClosed || proof === undefined) return 0
    if (onStale === 'accept') return maxStaleness
    const age = Math.max(elapsed() - proof.elapsedAt, now() - proof.wallAt)
    return Math.max(maxStaleness - age, 0)
  }

  function assertStillFresh(): void {
    if (isClosed || (onStale !== 'accept' && !isFresh())) throw new TokenError('REVOCATIONS_STALE')
  }

  /** Everyone who asks while nothing is known waits together. The timer keeps the process alive meanwhile. */
  function waitForLists(): Promise<void> {
    wait ??= new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, patienceMilliseconds)
      endWait = () => {
        clearTimeout(patience)
        resolve()
      }
    }).finally(() => {
      wait = undefined
    })
    return wait.then(assertStillFresh)
  }

  function connected(): Promise<void> {
    connecting ??= new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, streamPatienceMilliseconds)
      endConnecting = () => {
        clearTimeout(patience)
        resolve()
      }
      if (isClosed || (stream && stream.problem() === undefined)) endConnecting()
    })
    return connecting
  }

  function state(): RevocationStatus['state'] {
    if (isClosed) return 'closed'
    if (proof === undefined) return 'waiting'
    return isFresh() ? 'fresh' : 'stale'
  }

  schedule(0)

  return {
    isRevoked: bits.isRevoked,
    store: bits.store,
    positionOf: bits.positionOf,
    connected,
    freshMilliseconds,
    assertFresh: () => (proof === undefined && !isClosed ? waitForLists() : assertStillFresh()),
    status: () => ({
      state: state(),
      lagMilliseconds: proof && Math.max(0, elapsed() - proof.elapsedAt, now() - proof.wallAt),
      cursor: cursor === undefined ? undefined : String(cursor),
      lists: bits.lists(),
      memoryBytes: bits.memoryBytes(),
      problem: problem ?? stream?.problem(),
    }),
    close() {
      isClosed = true
      clearTimeout(timer)
      stream?.close()
      endWait()
      endConnecting()
    },
  }
}

interface Ends {
  /** The cursor that these follow on. */
  readonly after: number
  readonly lists: readonly { readonly list: number; readonly indexes: readonly number[] }[]
}

/** @throws {Error} when the data is not what the protocol says: the connection is not to be trusted further */
function readEnds(data: string): Ends {
  const value = parseStrictJson(data)
  if (typeof value !== 'object' || value === null || !('lists' in value)) throw unreadable('it has no lists')
  const { lists } = value
  if (typeof lists !== 'object' || lists === null || Array.isArray(lists)) throw unreadable('it has no lists')
  if (!('after' in value) || !isCursor(value.after)) throw unreadable('it does not say what it follows on')
  return { after: value.after, lists: Object.entries(lists).map(readIndexes) }
}

function readIndexes([list, indexes]: [string, unknown]): Ends['lists'][number] {
  if (!/^(0|[1-9][0-9]{0,9})$/.test(list)) throw unreadable('a list has no number')
  if (!Array.isArray(indexes) || !indexes.every(isIndex)) throw unreadable('an index is out of range')
  return { list: Number(list), indexes }
}

function readCursor(id: string): number {
  if (!/^[0-9]{1,15}$/.test(id)) throw unreadable('its id is no number')
  return Number(id)
}

function readOpenSeconds(data: string): number {
  const value = parseStrictJson(data)
  const seconds = typeof value === 'object' && value !== null && 'open_seconds' in value && value.open_seconds
  if (typeof seconds !== 'number' || seconds < 0) throw unreadable('it does not say how long the stream is open')
  return seconds
}

function isIndex(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < sessionsPerList
}

function isCursor(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function incomplete(): Error {
  return new Error('the stream left something out, or told it in another order')
}

function unreadable(why: string): Error {
  return new Error(`Cannot read an event of revocations: ${why}`)
}
