import { digestOf } from '../crypto/secrets.ts'
import type { Origin } from '../domain/origin.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'
import { spendLimit } from './spend-limit.ts'

type GuessInput = { email: string; user: Pick<User, 'id'>; userId: UserId | undefined; origin: Origin }

/** A guess that was counted: taken back where it was never compared; forgiven, with those before it, where it was right. */
export type Guess = { takeBack(fault: unknown): Promise<never>; forgive(): Promise<void> }

/**
 * Counts a guess at a password against its account, known or not, unless the account's owner signed in from this
 * network before: so a stranger's guesses are few, and cannot lock the owner out. Counted before the hash, so that a
 * hundred guesses at once are a hundred.
 *
 * @param guess.user the account, or the decoy that stands for an unknown one
 * @throws {Refusal} RATE_LIMIT_EXCEEDED
 */
export async function countGuess(deps: Deps, { email, user, userId, origin }: GuessInput): Promise<Guess> {
  const { store, limits } = deps
  const key = digestOf(email)
  const isFamiliar = await store.users.knowsNetwork(user.id, origin.network)
  if (!isFamiliar) await spendLimit(deps, limits.loginPerAccount, { key, origin, userId })

  return {
    takeBack: async (fault) => {
      if (!isFamiliar) await limits.loginPerAccount.giveBack(key)
      throw fault
    },
    // Not from a familiar network: strangers would get ten more guesses with each login of the owner.
    forgive: async () => {
      if (!isFamiliar) await limits.loginPerAccount.forget(key)
    },
  }
}
