import type { Limit } from '../domain/limit.ts'
import type { Origin } from '../domain/origin.ts'
import { Refusal } from '../domain/refusal.ts'
import type { UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'

type Attempt = {
  /** What the limit counts by. */
  key: string
  origin: Origin
  /** Whose account is aimed at, where it is known: the owner then finds it in their own audit log. */
  userId?: UserId | undefined
}

/**
 * Counts an attempt against a limit, and a refusal into the audit log: one line for each window and key.
 * @throws {Refusal} RATE_LIMIT_EXCEEDED
 */
export async function spendLimit(deps: Deps, limit: Limit, attempt: Attempt): Promise<void> {
  try {
    await limit.spend(attempt.key)
  } catch (error) {
    throw tallied(deps, attempt, error)
  }
}

/**
 * Refuses an address that is known to have spent its attempts, before its body is read. Counts the refusal, and no attempt.
 * @throws {Refusal} RATE_LIMIT_EXCEEDED
 */
export function assertOpen(deps: Deps, limit: Limit, origin: Origin): void {
  try {
    limit.assertOpen(origin.network)
  } catch (error) {
    throw tallied(deps, { key: origin.network, origin }, error)
  }
}

function tallied({ refusals }: Deps, { key, origin, userId }: Attempt, error: unknown): unknown {
  if (error instanceof Refusal && error.quota) {
    const { name, resetSeconds } = error.quota
    const facts = { type: 'rate_limited', userId, failureReason: name } as const
    refusals.count(origin, facts, { key, seconds: resetSeconds })
  }
  return error
}

/**
 * Counts a request to whatever route.
 * @throws {Refusal} RATE_LIMIT_EXCEEDED
 */
export function admitRequest(deps: Deps, origin: Origin): Promise<void> {
  return spendLimit(deps, deps.limits.requestPerAddress, { key: origin.network, origin })
}
