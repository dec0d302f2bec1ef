import { followEventStream } from './event-stream.ts'
import type { StreamEvent } from './event-stream-parser.ts'
import { revocationList } from './revocation-list.ts'
import { parseStrictJson } from './strict-json.ts'
import { TokenError } from './token-error.ts'

/** What a verifier asks about a session whose token is otherwise good. */
export interface RevocationSource {
  /** Whether the session is known to be revoked. Called for each token, so it must be quick. */
  isRevoked(sessionId: string): boolean
  /**
   * Passes when what `isRevoked` knows is recent enough, throws or rejects when it is not.
   * The verifier throws on what it gets: let it be a `TokenError` with code REVOCATIONS_STALE.
   */
  assertFresh?(): void | Promise<void>
  close?(): void
}

export interface RevocationFeed extends RevocationSource {
  assertFresh(): void | Promise<void>
  close(): void
  status(): RevocationStatus
}

export interface RevocationStatus {
  /** `waiting` until the issuer has told of all revocations once, `stale` when it has not been heard for too long. */
  readonly state: 'waiting' | 'fresh' | 'stale' | 'closed'
  /** How many revoked sessions are remembered. */
  readonly sessions: number
  /** What ended the last connection, if there is none now. */
  readonly problem: string | undefined
}

interface Options {
  issuer: string
  maxStalenessSeconds: number
  /** Unix milliseconds. */
  now: () => number
  /** A clock in milliseconds that is never set back. */
  elapsed?: () => number
  silenceMilliseconds?: number
  /** How long a request waits for the first `current`. */
  patienceMilliseconds?: number
}

/**
 * Follows the issuer's stream of revocations, `{issuer}/api/auth/revocations`.
 *
 * Events: `revoked` brings sessions and when each one's last token dies; `current` says that nothing is missing up to
 * now, and comes every two seconds; `reset` announces that all revocations follow again. A session once told of stays
 * revoked until its tokens are dead, whatever the stream does. An event that cannot be read drops the connection, and
 * the issuer is asked for it again.
 */
export function followRevocations({
  issuer,
  maxStalenessSeconds,
  now,
  elapsed = () => performance.now(),
  silenceMilliseconds = 10_000,
  patienceMilliseconds = 5_000,
}: Options): RevocationFeed {
  const revoked = revocationList(now)
  let currentAt: number | undefined
  let isClosed = false
  let wait: Promise<void> | undefined
  let endWait = () => {}

  function take({ type, data }: StreamEvent): void {
    if (type === 'revoked') for (const { sid, exp } of readSessions(data)) revoked.add(sid, exp)
    if (type !== 'current') return
    currentAt = elapsed()
    endWait()
  }

  function isFresh(): boolean {
    return !isClosed && currentAt !== undefined && elapsed() - currentAt <= maxStalenessSeconds * 1_000
  }

  function assertStillFresh(): void {
    if (!isFresh()) throw new TokenError('REVOCATIONS_STALE')
  }

  /** Everyone who asks while nothing is known waits together. The timer keeps the process alive meanwhile. */
  function waitForCurrent(): Promise<void> {
    wait ??= new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMilliseconds)
      endWait = () => {
        clearTimeout(timer)
        resolve()
      }
    }).finally(() => {
      wait = undefined
    })
    return wait.then(assertStillFresh)
  }

  const url = `${issuer.replace(/\/$/, '')}/api/auth/revocations`
  const stream = followEventStream({ url, onEvent: take, silenceMilliseconds })

  function state(): RevocationStatus['state'] {
    if (isClosed) return 'closed'
    if (currentAt === undefined) return 'waiting'
    return isFresh() ? 'fresh' : 'stale'
  }

  return {
    isRevoked: (sessionId) => revoked.has(sessionId),
    assertFresh: () => (currentAt === undefined && !isClosed ? waitForCurrent() : assertStillFresh()),
    status: () => ({ state: state(), sessions: revoked.size(), problem: stream.problem() }),
    close() {
      isClosed = true
      stream.close()
      endWait()
    },
  }
}

/** @throws {Error} when the data is not what the protocol says: the connection is not to be trusted further */
function readSessions(data: string): { sid: string; exp: number }[] {
  const value = parseStrictJson(data)
  const sessions = typeof value === 'object' && value !== null && 'sessions' in value ? value.sessions : undefined
  if (!Array.isArray(sessions) || !sessions.every(isSession)) {
    throw new Error('Cannot read a revocation: it is no list of sessions')
  }
  return sessions
}

function isSession(value: unknown): value is { sid: string; exp: number } {
  if (typeof value !== 'object' || value === null || !('sid' in value) || !('exp' in value)) return false
  return typeof value.sid === 'string' && value.sid !== '' && Number.isSafeInteger(value.exp)
}
