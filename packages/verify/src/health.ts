import { setTimeout } from 'node:timers/promises'
import type { Verifier, VerifierStatus } from './verifier.ts'

/** What a health check is answered with, for any framework. */
export interface HealthAnswer {
  readonly status: 200 | 503
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: HealthBody
}

export interface HealthBody {
  /**
   * `ok`; `degraded` where what is stale is accepted or introspected, by `onStale`; `unavailable` where tokens are
   * answered with 503.
   */
  readonly status: 'ok' | 'degraded' | 'unavailable'
  /** Usable keys; null before the first were had. */
  readonly keys: number | null
  /** The next four are null where revocations are off or come from a source of one's own, or before the first load. */
  readonly revocations: 'waiting' | 'fresh' | 'stale' | 'closed' | null
  /** Age of the newest proof that no revocation is missing. */
  readonly lag_seconds: number | null
  /** Ends of sessions up to this one are known. */
  readonly cursor: string | null
  /** What the bits of all lists take. */
  readonly memory_bytes: number | null
  /** How often a token was met again, or verified for the first time. */
  readonly hits: number
  readonly misses: number
}

/** Less than probes wait by default. */
const patienceMilliseconds = 900

const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }

/**
 * Says whether tokens can be judged now, for a readiness probe: 200, or 503 while they are answered with 503. Waits
 * up to 0.9 seconds for keys and revocations that are on their way.
 *
 * It tells counts and times, and of nobody. Does NOT tell why: that is `verifier.status()`.
 */
export async function healthOf(verifier: Verifier): Promise<HealthAnswer> {
  const ended = new AbortController()
  const patience = setTimeout(patienceMilliseconds, false, { signal: ended.signal }).catch(() => false)
  const isReady = await Promise.race([
    verifier.ready().then(
      () => true,
      () => false,
    ),
    patience,
  ])
  ended.abort()

  const status = verifier.status()
  return { status: isReady ? 200 : 503, headers, body: bodyOf(status, isReady) }
}

function bodyOf({ keys, revocations, cache }: VerifierStatus, isReady: boolean): HealthBody {
  const lag = revocations?.lagMilliseconds
  const ready = (revocations?.state ?? 'fresh') === 'fresh' ? 'ok' : 'degraded'
  return {
    status: isReady ? ready : 'unavailable',
    keys: keys ?? null,
    revocations: revocations?.state ?? null,
    lag_seconds: lag === undefined ? null : Math.round(lag) / 1_000,
    cursor: revocations?.cursor ?? null,
    memory_bytes: revocations?.memoryBytes ?? null,
    hits: cache.hits,
    misses: cache.misses,
  }
}

/**
 * A handler for plain `fetch` and for Hono: answers a readiness probe with `healthOf`. Put it on a path that no guard
 * covers.
 */
export function health(verifier: Verifier): () => Promise<Response> {
  return async () => {
    const { status, headers, body } = await healthOf(verifier)
    return new Response(JSON.stringify(body), { status, headers })
  }
}
