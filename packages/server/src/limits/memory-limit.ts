import type { Limit } from '../domain/limit.ts'
import { exceeded, type LimitRate } from './exceeded.ts'

/** Less than 100 MB for a limit that is flooded. */
export const maxKeys = 250_000
/** How many are dropped at once where there are too many: finding the oldest is dear, the next are beside it. */
const batch = 4096
const sweepMilliseconds = 100

type Window = { count: number; resetsAt: number }

/**
 * A limit counted in this process's memory, by fixed windows that begin at a key's first attempt. A restart begins
 * anew: SECURITY.md states what that gives an attacker.
 *
 * Of more keys than `most` the oldest that still have attempts go first. One that has none keeps its place until its
 * window is over: where such keys alone fill the memory, a new one is refused.
 */
export function memoryLimit(name: string, rate: LimitRate, most = maxKeys): Limit {
  const counting = new Map<string, Window>()
  const blocked = new Map<string, Window>()
  let sweptAt = 0

  function windowOf(key: string): Window | undefined {
    const known = blocked.get(key) ?? counting.get(key)
    if (known && known.resetsAt > Date.now()) return known
    if (known) remove(key)
    return undefined
  }

  function remove(key: string): void {
    counting.delete(key)
    blocked.delete(key)
  }

  function assertOpen(key: string): void {
    const known = blocked.get(key)
    if (known && known.resetsAt > Date.now()) throw refusal(known)
  }

  function refusal({ resetsAt }: Window): Error {
    return exceeded(name, rate, { milliseconds: resetsAt - Date.now() })
  }

  function makeRoom(): void {
    const now = Date.now()
    if (now - sweptAt >= sweepMilliseconds) {
      sweptAt = now
      dropFirst(counting, ({ resetsAt }) => resetsAt <= now)
      dropFirst(blocked, ({ resetsAt }) => resetsAt <= now)
    }
    if (counting.size + blocked.size < most) return
    dropFirst(counting, () => true, Math.ceil(Math.min(batch, most / 16)))
    const [oldest] = counting.size + blocked.size < most ? [] : blocked.values()
    if (oldest) throw refusal(oldest)
  }

  function keep(key: string, window: Window): void {
    const isSpent = window.count >= rate.attempts
    const [to, from] = isSpent ? [blocked, counting] : [counting, blocked]
    from.delete(key)
    to.set(key, window)
  }

  return {
    assertOpen,
    spend: async (key) => {
      const known = windowOf(key)
      if (!known) makeRoom()
      const window = known ?? { count: 0, resetsAt: Date.now() + rate.windowSeconds * 1000 }
      if (window.count >= rate.attempts) throw refusal(window)
      window.count += 1
      keep(key, window)
    },
    giveBack: async (key) => {
      // Where the window passed since, nothing is left to give back.
      const window = windowOf(key)
      if (!window || window.count === 0) return
      window.count -= 1
      keep(key, window)
    },
    forget: async (key) => remove(key),
  }
}

/** Removes from the front, in the order in which keys came, for as long as they fit. */
function dropFirst(windows: Map<string, Window>, fits: (window: Window) => boolean, most = batch): void {
  let dropped = 0
  for (const [key, window] of windows) {
    if (dropped === most || !fits(window)) return
    windows.delete(key)
    dropped += 1
  }
}

/** A limit that is switched off. */
export const unlimited: Limit = {
  assertOpen: () => {},
  spend: async () => {},
  giveBack: async () => {},
  forget: async () => {},
}
