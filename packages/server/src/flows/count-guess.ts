import { digestOf } from '../crypto/secrets.ts'
import type { Origin } from '../domain/origin.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'
import { spendLimit } from './spend-limit.ts'

type GuessInput = {
  email: string
  user: Pick<User, 'id'>
  userId: UserId | undefined
  /** The device token that came with it, good or not. */
  device: string | undefined
  origin: Origin
}

/**
 * A guess that was counted: taken back where it was never compared; forgiven, with those before it, where it was right.
 * `knowsNetwork`: the account signed in before from where it came.
 */
export type Guess = {
  knowsNetwork: boolean
  takeBack(fault: unknown): Promise<never>
  forgive(): Promise<void>
}

/**
 * Counts a guess at a password by who makes it, so that a stranger's guesses are few and cannot lock the owner out.
 * Counted before the hash, so that a hundred guesses at once are a hundred.
 *
 * - From a network where the owner signed in before it counts for that network alone, by the limit on addresses.
 * - From another network, on a device where the owner signed in before, it counts for that device.
 * - All others count together for the account, known or not.
 *
 * @param guess.user the account, or the decoy that stands for an unknown one
 * @throws {Refusal} RATE_LIMIT_EXCEEDED
 */
export async function countGuess(deps: Deps, { email, user, userId, device, origin }: GuessInput): Promise<Guess> {
  const { store, limits, devices } = deps
  if (await store.users.knowsNetwork(user.id, origin.network)) {
    return { knowsNetwork: true, takeBack: (fault) => Promise.reject(fault), forgive: async () => {} }
  }

  const knownDevice = devices.read(device, user.id)
  const limit = knownDevice ? limits.loginPerDevice : limits.loginPerAccount
  const key = knownDevice ?? digestOf(email)
  await spendLimit(deps, limit, { key, origin, userId })
  return {
    knowsNetwork: false,
    takeBack: async (fault) => {
      await limit.giveBack(key)
      throw fault
    },
    // Not for a known device or network: whoever has the token, and strangers, would get ten more with each login of the owner.
    forgive: async () => {
      if (!knownDevice) await limit.forget(key)
    },
  }
}
