import { Refusal } from '../domain/refusal.ts'

/** How often in how long. */
export type LimitRate = { attempts: number; windowSeconds: number }

/** The refusal of who has spent all attempts. Never tells to come back in less than a second. */
export function exceeded(
  name: string,
  rate: LimitRate,
  { milliseconds, cause }: { milliseconds: number; cause?: unknown },
): Refusal {
  const resetSeconds = Math.max(1, Math.ceil(milliseconds / 1000))
  const quota = { name, limit: rate.attempts, windowSeconds: rate.windowSeconds, remaining: 0, resetSeconds }
  return new Refusal('RATE_LIMIT_EXCEEDED', { retryAfterSeconds: resetSeconds, quota, cause })
}
