import type { Limit } from '../domain/limit.ts'
import { Refusal } from '../domain/refusal.ts'
import type { AttemptStore } from '../domain/store.ts'
import { exceeded, type LimitRate } from './exceeded.ts'

/** Then the database is asked again: another node may have given attempts back. */
const longestMemoryMilliseconds = 60_000
/** Some megabytes. Of more keys that are blocked at once the oldest cost a statement again. */
const maxRemembered = 50_000

type SharedDeps = { attempts: AttemptStore; now(): number }

/**
 * A limit that all nodes on one database count together, by fixed windows that begin at a key's first attempt. A key that
 * is blocked is remembered here, so that a flood costs the database nothing.
 *
 * Windows go by the clocks of the nodes: where these differ by a second, a window may be as much shorter.
 */
export function sharedLimit(name: string, rate: LimitRate, { attempts, now }: SharedDeps): Limit {
  const blocked = new Map<string, { until: number; resetsAt: number }>()
  const rowOf = (key: string) => `${name} ${key}`

  function refuseBlocked(key: string): void {
    const known = blocked.get(key)
    if (!known) return
    if (known.until > now()) throw exceeded(name, rate, { milliseconds: known.resetsAt - now() })
    blocked.delete(key)
  }

  function block(key: string, resetsAt: number): void {
    const oldest = blocked.size < maxRemembered ? undefined : blocked.keys().next().value
    if (oldest !== undefined) blocked.delete(oldest)
    blocked.set(key, { until: Math.min(resetsAt, now() + longestMemoryMilliseconds), resetsAt })
  }

  return {
    assertOpen: refuseBlocked,
    spend: async (key) => {
      refuseBlocked(key)
      const window = { at: now(), windowMilliseconds: rate.windowSeconds * 1000, most: rate.attempts }
      const { count, resetsAt } = await attempts.count(rowOf(key), window)
      if (count <= rate.attempts) return
      block(key, resetsAt)
      throw exceeded(name, rate, { milliseconds: resetsAt - now() })
    },
    giveBack: async (key) => {
      await attempts.giveBack(rowOf(key), now())
      blocked.delete(key)
    },
    forget: async (key) => {
      await attempts.forget(rowOf(key))
      blocked.delete(key)
    },
  }
}

/** Between two tries whether the shared count can be had again. */
const retryMilliseconds = 1000

/** Counts by `local` while the shared count cannot be had: for a limit on what needs no database otherwise. */
export function insuredLimit(shared: Limit, local: Limit, now: () => number): Limit {
  let retryAt: number | undefined

  return {
    ...shared,
    spend: async (key) => {
      if (retryAt !== undefined) {
        if (now() < retryAt) return local.spend(key)
        // One request tries, and the others do not wait for what may never answer.
        retryAt = now() + retryMilliseconds
      }
      try {
        await shared.spend(key)
        retryAt = undefined
      } catch (error) {
        if (!(error instanceof Refusal && error.code === 'UNAVAILABLE')) throw error
        retryAt = now() + retryMilliseconds
        return local.spend(key)
      }
    },
  }
}
