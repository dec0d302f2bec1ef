import type { Log } from '../domain/log.ts'
import type { Revocation, SessionId } from '../domain/session.ts'
import type { Store } from '../domain/store.ts'

/** Which sessions are over while their access tokens still live, as this process knows it. */
export type RevocationFeed = {
  isRevoked(sessionId: string): boolean
  /** Reads what was committed since: here, or by another process on the same database. */
  catchUp(): Promise<void>
  /** Makes sure that what is known here is not old. Costs nothing while the database answers. */
  assertFresh(): Promise<void> | undefined
  /** The number of the newest end that is known here. */
  cursor(): number
  /** The next ends that are known here, in order: at most `limit` of those after `sequence`. */
  after(sequence: number, limit: number): Revocation[]
  /** Tells of news, until the signal. */
  subscribe(listener: RevocationListener, until: AbortSignal): void
  close(): void
}

export type RevocationListener = {
  /** There are ends that were not there before: `after` gives them. */
  onNews(): void
  /** The feed closes: nothing more will be told. */
  onClose(): void
}

/** Half of the 100 ms that a logout may take to hold everywhere: what another process wrote is found in time. */
const pollMilliseconds = 50
/** A database that was silent for longer is asked before anything is believed. */
const maxStalenessMilliseconds = 30_000
const pageSize = 1000
/**
 * How long an end is told of after its last token has died: verifiers may take a token for 300 seconds more, and
 * their clocks may lag.
 */
const keptMilliseconds = 600_000
/** Each sweep visits all, so it must be rare. */
const pruneMilliseconds = 60_000

/** Keeps up with the ends of sessions in the database, whichever process wrote them. Begins when first asked. */
export function followRevocations({ store, log, now }: { store: Store; log: Log; now(): number }): RevocationFeed {
  const revoked = new Set<SessionId>()
  let ends: Revocation[] = []
  let prunedAt = now()
  const listeners = new Set<RevocationListener>()
  let cursor = 0
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  async function readOn(): Promise<void> {
    const startedAt = now()
    const knownBefore = cursor
    for (;;) {
      const page = await store.revocations.after(cursor, { now: startedAt - keptMilliseconds, limit: pageSize })
      for (const end of page) if (!revoked.has(end.sessionId)) ends.push(end)
      for (const { sessionId } of page) revoked.add(sessionId)
      cursor = Math.max(cursor, page.at(-1)?.sequence ?? 0)
      if (page.length < pageSize) break
    }
    readAt = startedAt
    if (startedAt - prunedAt > pruneMilliseconds) prune(startedAt)
    if (cursor > knownBefore) for (const listener of listeners) listener.onNews()
  }

  function prune(at: number): void {
    prunedAt = at
    const dead = at - keptMilliseconds
    for (const { sessionId, accessExpiresAt } of ends) if (accessExpiresAt <= dead) revoked.delete(sessionId)
    ends = ends.filter(({ accessExpiresAt }) => accessExpiresAt > dead)
  }

  /** Where the ends after `sequence` begin: they are in the order of their numbers. */
  function placeAfter(sequence: number): number {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ends[middle]?.sequence ?? 0) > sequence) high = middle
      else low = middle + 1
    }
    return low
  }

  /** A read that began before the caller's commit may miss it: wait for that one, then read again. */
  async function catchUp(): Promise<void> {
    if (!timer && !isClosed) poll()
    if (reading) await reading.catch(() => undefined)
    reading ??= readOn().finally(() => {
      reading = undefined
    })
    await reading
  }

  function poll(): void {
    timer = setTimeout(async () => {
      await catchUp().catch((error) => log.error({ error }, 'Revocations were not read'))
      if (!isClosed) poll()
    }, pollMilliseconds)
    timer.unref()
  }

  return {
    isRevoked: (sessionId) => revoked.has(sessionId as SessionId),
    catchUp,
    assertFresh: () => (now() - readAt <= maxStalenessMilliseconds ? undefined : catchUp()),
    cursor: () => cursor,
    after: (sequence, limit) => {
      const start = placeAfter(sequence)
      return ends.slice(start, start + limit)
    },
    subscribe: (listener, until) => {
      listeners.add(listener)
      until.addEventListener('abort', () => listeners.delete(listener), { once: true })
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
      for (const listener of listeners) listener.onClose()
      listeners.clear()
    },
  }
}
