import { randomBytes } from 'node:crypto'
import { bcryptHash, bcryptParameters, exceedsBcrypt } from './bcrypt.ts'
import type { HashTask, HashWorkers } from './hash-workers.ts'

/** Hashing and checking of passwords, with work that tells nothing of who has an account. */
export type Passwords = {
  /** @throws {Refusal} OVERLOADED */
  hash(password: string): Promise<string>
  /**
   * Compares a password with a stored hash, or with nothing: an unknown account costs the same work, against a decoy,
   * and never matches. Whatever goes wrong inside the hash function is no match.
   *
   * A hash that is cheaper than the setting is topped up when it does not match, so that it takes as long as any other.
   * One that is dearer (the cost was lowered) takes longer: SECURITY.md says so.
   * @throws {Refusal} OVERLOADED
   */
  matches(password: string, storedHash: string | undefined): Promise<boolean>
  /** A hash of no password, at the cost of the setting: it stands where there is no account. */
  decoyHash: string
  /** Says whether a stored hash is weaker than a new one would be. */
  needsRehash(storedHash: string): boolean
}

/** The dearest stored hash that is computed at all: 2^16 rounds, some four seconds. A dearer one was not made by us. */
const maxStoredCost = 16

/** @param cost binary logarithm of bcrypt's rounds for new hashes */
export function createPasswords(workers: HashWorkers, cost: number): Passwords {
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

  async function ask(task: HashTask): Promise<boolean> {
    const answer = await workers.run(task)
    return 'matches' in answer && answer.matches
  }

  /** 2^k rounds were spent; 2^k, 2^(k+1) ... 2^(cost-1) more make 2^cost in all. */
  async function topUp(password: Uint8Array, spentCost: number): Promise<void> {
    for (let more = spentCost; more < cost; more++) {
      await ask({ kind: 'match', password, stored: decoyOf(more), maxCost: more })
    }
  }

  return {
    decoyHash: decoyOf(cost),

    hash: async (password) => {
      const answer = await workers.run({ kind: 'hash', password: Buffer.from(password, 'utf8'), cost })
      if (!('hash' in answer)) throw new Error('Cannot hash a password: the hash function failed')
      return answer.hash
    },

    matches: async (password, storedHash) => {
      const bytes = Buffer.from(password, 'utf8')
      const parameters = storedHash === undefined ? undefined : bcryptParameters(storedHash)
      const isUsable = parameters !== undefined && parameters.cost <= maxStoredCost
      // Plain bcrypt would call passwords equal that differ beyond byte 72 or after a NUL.
      const isCut = parameters?.scheme === 'bcrypt' && exceedsBcrypt(bytes)

      const stored = isUsable && storedHash !== undefined ? storedHash : decoyOf(cost)
      const isMatch = await ask({ kind: 'match', password: bytes, stored, maxCost: maxStoredCost })
      if (isMatch && isUsable && !isCut) return true

      if (isUsable) await topUp(bytes, parameters.cost)
      return false
    },

    needsRehash: (storedHash) => (bcryptParameters(storedHash)?.cost ?? 0) < cost,
  }
}
