import { createHmac, randomBytes } from 'node:crypto'
import { type ListPosition, sessionsPerList } from '../domain/status-list.ts'

const rounds = 4
/** Half of the 16 bits of an index. */
const halfValues = 256

/** A list's rounds take a kilobyte; sessions that end are mostly young, so few lists are in use. */
const maxListsKept = 1024

/** What makes the positions of one installation: 256 random bits. */
export function newListSeed(): string {
  return randomBytes(32).toString('base64url')
}

/**
 * Places sessions in lists: each number has a position of its own, and from positions nobody without the seed learns
 * how many sessions there are, or which began first, within a list (draft-ietf-oauth-status-list, section 12.3).
 *
 * Within its list a number is moved by a balanced Feistel network, which is a permutation whatever its rounds do.
 */
export function listPositions(seed: string): (sessionNumber: number) => ListPosition {
  const roundsOf = new Map<number, Uint8Array>()

  function tableOf(list: number): Uint8Array {
    const known = roundsOf.get(list)
    if (known) return known
    if (roundsOf.size >= maxListsKept) roundsOf.clear()
    const made = makeRounds(seed, list)
    roundsOf.set(list, made)
    return made
  }

  return (sessionNumber) => {
    const list = Math.floor(sessionNumber / sessionsPerList)
    return { list, index: permute(sessionNumber % sessionsPerList, tableOf(list)) }
  }
}

function permute(value: number, table: Uint8Array): number {
  let left = value >>> 8
  let right = value & 0xff
  for (let round = 0; round < rounds; round += 1) {
    const next = left ^ (table[round * halfValues + right] ?? 0)
    left = right
    right = next
  }
  return (left << 8) | right
}

function makeRounds(seed: string, list: number): Uint8Array {
  const blocks = (rounds * halfValues) / 32
  return Buffer.concat(
    Array.from({ length: blocks }, (_, block) => createHmac('sha256', seed).update(`${list} ${block}`).digest()),
  )
}
