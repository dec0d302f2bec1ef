import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../domain/log.ts'
import { keptAfterDeathMilliseconds } from '../domain/status-list.ts'
import type { Store } from '../domain/store.ts'

/** Removes what has expired: sessions, refresh tokens, ends of sessions, counts of limits, status lists. The audit log is kept. */
export type ExpiryRemoval = {
  /** Walks over everything once. Answers when it is done. */
  run(): Promise<void>
  /** Runs every half hour or so, until it is closed. */
  start(): void
  /** How many rows went since the process began, by their table. */
  removedRows(): Record<string, number>
  /** Lets the piece that is at work end, and does no further one. */
  close(): Promise<void>
}

type ExpiryDeps = {
  store: Store
  log: Log
  now(): number
  /** A random whole number of milliseconds below the given one: processes that begin together walk at other times. */
  someTimeWithin(milliseconds: number): number
}

const intervalMilliseconds = 30 * 60 * 1000
/** Some milliseconds of work: as long as anybody waits for it. */
const rowsPerPiece = 500
/** A walk takes no more than a tenth of the time, of this process and of the database. */
const restForEachWork = 9
const leastRestMilliseconds = 10

export function removeExpired({ store, log, now, someTimeWithin }: ExpiryDeps): ExpiryRemoval {
  const removed: Record<string, number> = {
    sessions: 0,
    refresh_tokens: 0,
    revocations: 0,
    attempts: 0,
    status_lists: 0,
  }
  const closing = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined

  /** Clocks of processes on one database differ: what is over for this one may have a little left for another. */
  const at = () => now() - keptAfterDeathMilliseconds

  async function walk(removePiece: (after: number) => Promise<number | undefined>): Promise<void> {
    let after: number | undefined = 0
    while (after !== undefined && !closing.signal.aborted) {
      const startedAt = performance.now()
      after = await removePiece(after)
      const rest = Math.max(leastRestMilliseconds, restForEachWork * (performance.now() - startedAt))
      if (after !== undefined)
        await wait(rest, undefined, { ref: false, signal: closing.signal }).catch(() => undefined)
    }
  }

  async function walkOverAll(): Promise<void> {
    await walk(async (after) => {
      const piece = { after, at: at(), limit: rowsPerPiece }
      const { sessions, refreshTokens, next } = await store.transaction((inside) => inside.expiry.removeSessions(piece))
      count({ sessions, refresh_tokens: refreshTokens })
      return next
    })
    await walk(async (after) => {
      const piece = { after, at: at(), limit: rowsPerPiece }
      const { revocations, next } = await store.transaction((inside) => inside.expiry.removeRevocations(piece))
      count({ revocations })
      return next
    })
    await walk(async (after) => {
      const { attempts } = await store.expiry.removeAttempts({ at: at(), limit: rowsPerPiece })
      count({ attempts })
      return attempts === rowsPerPiece ? after : undefined
    })
    const { statusLists } = await store.expiry.removeLists(at())
    count({ status_lists: statusLists })
  }

  function count(rows: Record<string, number>): void {
    for (const [table, number] of Object.entries(rows)) removed[table] = (removed[table] ?? 0) + number
  }

  async function run(): Promise<void> {
    running ??= walkOverAll().finally(() => {
      running = undefined
    })
    await running
  }

  function start(): void {
    clearTimeout(timer)
    timer = setTimeout(
      async () => {
        await run().catch((error) => log.warn({ error }, 'Expired rows were not removed'))
        if (!closing.signal.aborted) start()
      },
      intervalMilliseconds / 2 + someTimeWithin(intervalMilliseconds),
    )
    timer.unref()
  }

  return {
    run,
    start,
    removedRows: () => removed,
    close: async () => {
      clearTimeout(timer)
      closing.abort()
      await running?.catch(() => undefined)
    },
  }
}
