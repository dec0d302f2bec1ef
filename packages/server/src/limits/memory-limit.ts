import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Limit } from '../domain/limit.ts'
import { exceeded, type LimitRate } from './exceeded.ts'

/**
 * A limit counted in this process's memory, by fixed windows that begin at a key's first attempt. A restart begins
 * anew: SECURITY.md states what that gives an attacker.
 */
export function memoryLimit(name: string, rate: LimitRate): Limit {
  const limiter = new RateLimiterMemory({ keyPrefix: name, points: rate.attempts, duration: rate.windowSeconds })

  return {
    spend: async (key) => {
      try {
        await limiter.consume(key)
      } catch (cause) {
        if (!(cause instanceof RateLimiterRes)) throw cause
        throw exceeded(name, rate, { milliseconds: cause.msBeforeNext, cause })
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
