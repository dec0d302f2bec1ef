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
  /** Tells every end whose tokens still live, in order, and from then on each new one, until the signal. */
  subscribe(listener: RevocationListener, until: AbortSignal): void
  close(): void
}

export type RevocationListener = {
  onEnds(ends: readonly Revocation[]): void
  /** The feed closes: nothing more will be told. */
  onClose(): void
}

/** Half of the 100 ms that a logout may take to hold everywhere: what another process wrote is found in time. */
const pollMilliseconds = 50
/** A database that was silent for longer is asked before anything is believed. */
const maxStalenessMilliseconds = 30_000
const pageSize = 1000
const pruneEvery = 1000

/** Keeps up with the ends of sessions in the database, whichever process wrote them. Begins when first asked. */
export function followRevocations({ store, log, now }: { store: Store; log: Log; now(): number }): RevocationFeed {
  const ends = new Map<SessionId, Revocation>()
  const listeners = new Set<RevocationListener>()
  let cursor = 0
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  async function readOn(): Promise<void> {
    const startedAt = now()
    for (;;) {
      const page = await store.revocations.after(cursor, { now: now(), limit: pageSize })
      const news = page.filter(({ sessionId }) => !ends.has(sessionId))
      for (const end of page) ends.set(end.sessionId, end)
      cursor = Math.max(cursor, page.at(-1)?.sequence ?? 0)
      if (news.length > 0) for (const listener of listeners) listener.onEnds(news)
      if (page.length < pageSize) break
    }
    readAt = startedAt
    if (ends.size % pruneEvery === 0) prune()
  }

  function prune(): void {
    for (const [sessionId, { accessExpiresAt }] of ends) if (accessExpiresAt <= now()) ends.delete(sessionId)
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
    isRevoked: (sessionId) => ends.has(sessionId as SessionId),
    catchUp,
    assertFresh: () => (now() - readAt <= maxStalenessMilliseconds ? undefined : catchUp()),
    cursor: () => cursor,
    subscribe: (listener, until) => {
      listeners.add(listener)
      until.addEventListener('abort', () => listeners.delete(listener), { once: true })
      listener.onEnds([...ends.values()])
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
      for (const listener of listeners) listener.onClose()
      listeners.clear()
    },
  }
}
