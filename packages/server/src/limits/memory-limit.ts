import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Limit } from '../domain/limit.ts'
import { Refusal } from '../domain/refusal.ts'

/**
 * A limit counted in this process's memory, by fixed windows that begin at a key's first attempt. A restart begins
 * anew: SECURITY.md states what that gives an attacker.
 */
export function memoryLimit(name: string, rate: { attempts: number; windowSeconds: number }): Limit {
  const limiter = new RateLimiterMemory({ keyPrefix: name, points: rate.attempts, duration: rate.windowSeconds })

  return {
    spend: async (key) => {
      try {
        await limiter.consume(key)
      } catch (cause) {
        if (!(cause instanceof RateLimiterRes)) throw cause
        const resetSeconds = Math.max(1, Math.ceil(cause.msBeforeNext / 1000))
        const quota = { name, limit: rate.attempts, windowSeconds: rate.windowSeconds, remaining: 0, resetSeconds }
        throw new Refusal('RATE_LIMIT_EXCEEDED', { retryAfterSeconds: resetSeconds, quota, cause })
      }
    },
    giveBack: async (key) => {
      // Where the window passed since, nothing is left to give back: the count would fall below zero.
      const spent = await limiter.get(key)
      if (spent && spent.consumedPoints > 0) await limiter.reward(key)
    },
    forget: async (key) => {
      await limiter.delete(key)
    },
  }
}

/** A limit that is switched off. */
export const unlimited: Limit = {
  spend: async () => {},
  giveBack: async () => {},
  forget: async () => {},
}
