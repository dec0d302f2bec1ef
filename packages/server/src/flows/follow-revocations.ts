import { setImmediate } from 'node:timers/promises'
import type { Log } from '../domain/log.ts'
import { keptAfterDeathMilliseconds, type ListPosition, sessionsPerList } from '../domain/status-list.ts'
import type { News, Store } from '../domain/store.ts'
import type { Places } from './place-sessions.ts'

/** Which sessions are over while their access tokens still live, as this process knows it: one bit each, in lists. */
export type RevocationFeed = {
  isRevoked(position: ListPosition): boolean
  /** What is known of a list, at this very moment. */
  snapshotOf(list: number): ListSnapshot
  /** Forgets lists whose every token is dead. */
  forget(isOver: (list: number) => boolean): void
  /** Reads what was committed since: here, or by another process on the same database. */
  catchUp(): Promise<void>
  /**
   * The same for who ended a session: what listeners wrote of it has gone out when this resolves. Node holds the pieces
   * of a stream back until the turn of its loop is over, and an answer it sends at once.
   */
  announce(): Promise<void>
  /** Makes sure that what is known here is not old. Costs nothing while the database answers. */
  assertFresh(): Promise<void> | undefined
  /** The number of the newest end that is known here. */
  cursor(): number
  /** When that was last all there was, by `elapsed`. */
  completeAt(): number
  /**
   * Tells each end after the cursor `after`, in order, and from then on each new one, until the signal. Without a
   * cursor it begins at the newest end. One that is not among the recent ones is answered by `onGap`, and counts as none.
   */
  subscribe(listener: RevocationListener, start: { after: number | undefined; until: AbortSignal }): void
  close(): void
}

export type ListSnapshot = {
  /** Of length 8,192; undefined where no bit is set. Not to be changed, and only good until the next change. */
  bits: Uint8Array | undefined
  /** Another for each change of the bits. */
  version: number
  /** All ends up to this number are in it. */
  cursor: number
}

export type Reach = { after: number; upTo: number }

/** The end of a session, by the position of its bit. */
export type ListedEnd = ListPosition & { sequence: number }

export type RevocationListener = {
  /**
   * @param reach the cursor that these ends follow on, and the one that is reached with them; there may be none in
   *   between that anybody needs to know of
   */
  onEnds(ends: readonly ListedEnd[], reach: Reach): void
  /** What came after the cursor is no longer at hand: the lists tell it. */
  onGap(): void
  /** The feed closes: nothing more will be told. */
  onClose(): void
}

type FollowDeps = {
  store: Store
  news: News
  places: Places
  log: Log
  now(): number
  /** A clock in milliseconds that is never set back. */
  elapsed?(): number
  recentEnds?: number
}

/** Half of the 100 ms that a logout may take to hold everywhere: what another process wrote is found in time. */
const pollMilliseconds = 50
/** While the database tells of it by itself. */
const slowPollMilliseconds = 1000
/** A database that was silent for longer is asked before anything is believed. */
const maxStalenessMilliseconds = 30_000
const pageSize = 5_000
/** A verifier that missed more than these reads the lists again, which is then the shorter way. */
const defaultRecentEnds = 100_000

/** Keeps up with the ends of sessions in the database, whichever process wrote them. Begins when first asked. */
export function followRevocations({
  store,
  news,
  places,
  log,
  now,
  elapsed = () => performance.now(),
  recentEnds = defaultRecentEnds,
}: FollowDeps): RevocationFeed {
  const lists = new Map<number, { bits: Uint8Array; version: number }>()
  const listeners = new Set<RevocationListener>()
  let recent: ListedEnd[] = []
  /** Every end after this number that still matters is among the recent ones. */
  let recentSince = 0
  /** Sessions in lists before this one are over: the database was restored since. */
  let firstList = 0
  let cursor = 0
  let readAt = Number.NEGATIVE_INFINITY
  let completeAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let isBlind = false

  async function readOn(): Promise<void> {
    const startedAt = now()
    const beganAt = elapsed()
    const { since, newest, firstList: first } = await store.revocations.bounds()
    if (first > firstList) beginAnew(since, first)
    for (;;) {
      const page = await store.revocations.after(cursor, {
        now: now() - keptAfterDeathMilliseconds,
        limit: pageSize,
      })
      const ends = await Promise.all(
        page.map(async ({ sequence, sessionNumber }) => ({ ...(await places(sessionNumber)), sequence })),
      )
      const isLast = page.length < pageSize
      take(ends, Math.max(ends.at(-1)?.sequence ?? cursor, isLast ? newest : 0))
      if (isLast) break
    }
    readAt = startedAt
    completeAt = beganAt
  }

  /** Nobody's cursor of before says what is known of the database as it is now. */
  function beginAnew(since: number, first: number): void {
    firstList = first
    lists.clear()
    recent = []
    recentSince = since
    cursor = since
    for (const listener of listeners) listener.onGap()
  }

  /** Bits, cursor and listeners move in one step, so that whoever reads them sees them agree. */
  function take(ends: ListedEnd[], upTo: number): void {
    if (upTo === cursor) return
    for (const { list, index } of ends) setBit(list, index)
    for (const end of ends) recent.push(end)
    const reach = { after: cursor, upTo }
    cursor = upTo
    if (recent.length > 2 * recentEnds) {
      const dropped = recent.length - recentEnds
      recentSince = recent[dropped - 1]?.sequence ?? recentSince
      recent = recent.slice(dropped)
    }
    for (const listener of listeners) listener.onEnds(ends, reach)
  }

  function setBit(list: number, index: number): void {
    const known = lists.get(list) ?? { bits: new Uint8Array(sessionsPerList / 8), version: 0 }
    known.bits[index >> 3] = (known.bits[index >> 3] ?? 0) | (1 << (index & 7))
    known.version += 1
    lists.set(list, known)
  }

  /** A read that began before the caller's commit may miss it: wait for that one, then read again. */
  async function catchUp(): Promise<void> {
    if (!timer && !isClosed) begin()
    if (reading) await reading.catch(() => undefined)
    reading ??= readOn().finally(() => {
      reading = undefined
    })
    await reading
  }

  async function announce(): Promise<void> {
    await catchUp()
    await setImmediate()
  }

  function begin(): void {
    readLater()
    news.listen({
      onEnds: (sequence) => {
        if (sequence > cursor) readNow()
      },
      onChange: (reason) => {
        if (reason) log.warn({ error: reason }, 'Ends of sessions are asked for: the database no longer tells of them')
        else log.info({}, 'The database tells of ends of sessions')
        readNow()
      },
    })
  }

  async function readNow(): Promise<void> {
    if (isClosed) return
    try {
      await catchUp()
      if (isBlind) log.info({}, 'Revocations are read again')
      isBlind = false
    } catch (error) {
      // Once for each outage: this comes twenty times a second.
      if (!isBlind && !isClosed) log.error({ error }, 'Revocations were not read')
      isBlind = true
    }
    readLater()
  }

  function readLater(): void {
    clearTimeout(timer)
    if (isClosed) return
    timer = setTimeout(readNow, news.isHeard() ? slowPollMilliseconds : pollMilliseconds)
    timer.unref()
  }

  function tellSince(after: number, listener: RevocationListener): void {
    if (after > cursor || after < recentSince) {
      listener.onGap()
      return
    }
    const first = recent.findLastIndex(({ sequence }) => sequence <= after) + 1
    if (after < cursor) listener.onEnds(recent.slice(first), { after, upTo: cursor })
  }

  return {
    isRevoked: ({ list, index }) =>
      list < firstList || (((lists.get(list)?.bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1,
    snapshotOf: (list) => ({ bits: lists.get(list)?.bits, version: lists.get(list)?.version ?? 0, cursor }),
    forget: (isOver) => {
      for (const list of lists.keys()) if (isOver(list)) lists.delete(list)
    },
    catchUp,
    announce,
    assertFresh: () => (now() - readAt <= maxStalenessMilliseconds ? undefined : catchUp()),
    cursor: () => cursor,
    completeAt: () => completeAt,
    subscribe: (listener, { after, until }) => {
      listeners.add(listener)
      until.addEventListener('abort', () => listeners.delete(listener), { once: true })
      if (after !== undefined) tellSince(after, listener)
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
      for (const listener of listeners) listener.onClose()
      listeners.clear()
    },
  }
}
