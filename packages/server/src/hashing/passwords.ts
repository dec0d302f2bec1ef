import { randomBytes } from 'node:crypto'
import type { HashOrder } from '../domain/hash-order.ts'
import { bcryptHash, bcryptParameters, exceedsBcrypt } from './bcrypt.ts'
import type { HashScheduler } from './hash-scheduler.ts'

/** Hashing and checking of passwords, with work that tells nothing of who has an account. */
export type Passwords = {
  /**
   * Refuses at once what would wait too long for its hash: before anything is counted, looked up or written for it.
   * @throws {Refusal} OVERLOADED
   */
  assertRoom(order: HashOrder): void
  /** Says whether `assertRoom` would let it pass. */
  hasRoom(order: HashOrder): boolean
  /** @throws {Refusal} OVERLOADED, REQUEST_TIMEOUT (the client went away), UNAVAILABLE */
  hash(password: string, order: HashOrder): Promise<string>
  /**
   * Compares a password with a stored hash, or with nothing: an unknown account costs the same work, against a decoy,
   * and never matches. Whatever goes wrong inside the hash function is no match.
   *
   * A hash that is cheaper than the setting is topped up when it does not match, so that it takes as long as any other.
   * One that is dearer (the cost was lowered) takes longer: SECURITY.md says so. All of it is one task, so known and
   * unknown accounts wait, and are refused, alike.
   * @throws {Refusal} OVERLOADED, REQUEST_TIMEOUT (the client went away), UNAVAILABLE
   */
  matches(password: string, storedHash: string | undefined, order: HashOrder): Promise<boolean>
  /** A hash of no password, at the cost of the setting: it stands where there is no account. */
  decoyHash: string
  /** Says whether a stored hash is weaker than a new one would be. */
  needsRehash(storedHash: string): boolean
}

/** The dearest stored hash that is computed at all: 2^16 rounds, some four seconds. A dearer one was not made by us. */
const maxStoredCost = 16

/** @param cost binary logarithm of bcrypt's rounds for new hashes */
export function createPasswords(
  { run, assertRoom, hasRoom }: Pick<HashScheduler, 'run' | 'assertRoom' | 'hasRoom'>,
  cost: number,
): Passwords {
  const decoys = new Map<number, string>()

  function decoyOf(decoyCost: number): string {
    const known = decoys.get(decoyCost)
    if (known) return known
    // The checksum is of no password: what is compared with it never matches, and costs what its cost says.
    // Hexadecimal, for a NUL among the bytes would make it a pre-hashed one, which is spelled otherwise.
    const template = bcryptHash(Buffer.from(randomBytes(16).toString('hex')), 4)
    const decoy = `$2b$${String(decoyCost).padStart(2, '0')}${template.slice(6)}`
    decoys.set(decoyCost, decoy)
    return decoy
  }

  /** Where 2^k rounds are spent, 2^k, 2^(k+1) ... 2^(cost-1) more make 2^cost in all. */
  function fillersAfter(spentCost: number): string[] {
    return Array.from({ length: Math.max(0, cost - spentCost) }, (_, at) => decoyOf(spentCost + at))
  }

  return {
    decoyHash: decoyOf(cost),
    assertRoom,
    hasRoom,

    hash: async (password, order) => {
      const answer = await run({ kind: 'hash', password: bytesOf(password), cost }, order)
      if (!('hash' in answer)) throw new Error('Cannot hash a password: the hash function failed')
      return answer.hash
    },

    matches: async (password, storedHash, order) => {
      const bytes = bytesOf(password)
      const parameters = storedHash === undefined ? undefined : bcryptParameters(storedHash)
      const spentCost = parameters && parameters.cost <= maxStoredCost ? parameters.cost : undefined
      // Plain bcrypt would call passwords equal that differ beyond byte 72 or after a NUL.
      const isCut = parameters?.scheme === 'bcrypt' && exceedsBcrypt(bytes)

      const stored = spentCost !== undefined && !isCut ? storedHash : undefined
      const answer = await run(
        {
          kind: 'match',
          password: bytes,
          stored: stored ?? decoyOf(spentCost ?? cost),
          maxCost: maxStoredCost,
          fillers: fillersAfter(spentCost ?? cost),
        },
        order,
      )
      return stored !== undefined && 'matches' in answer && answer.matches
    },

    needsRehash: (storedHash) => (bcryptParameters(storedHash)?.cost ?? 0) < cost,
  }
}

/** In memory of their own: to hand a thread a piece of the pool that `Buffer` cuts from is to hand it a copy of it all. */
function bytesOf(password: string): Uint8Array {
  return new TextEncoder().encode(password)
}
