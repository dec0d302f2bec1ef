import { TokenError } from './token-error.ts'
import type { TokenStatus } from './token-status.ts'

/** How many sessions a list of the issuer has. */
export const sessionsPerList = 65_536
export const bytesPerList = sessionsPerList / 8

/** The bits of all lists of one issuer: they are only ever set. */
export interface StatusBits {
  /** @throws {TokenError} AUTH_INVALID_CLAIMS for a place that no list of the issuer has */
  isRevoked(status: TokenStatus): boolean
  set(list: number, index: number): void
  /** Sets what is set in these 8,192 bytes too. */
  add(list: number, bits: Uint8Array): void
  /** Takes note of the lists that there are: one that is missing, while a later one is there, is over. */
  keepOnly(live: readonly number[]): void
  /** The number of a list by its address; undefined where it is none of the issuer's. */
  listOf(uri: string): number | undefined
  uriOf(list: number): string
  /** How many lists are held in memory. */
  lists(): number
  memoryBytes(): number
}

/** Shared by all lists of which nothing is set, and never written to. */
const noBits = new Uint8Array(bytesPerList)
/** Shared by all lists that are over: every token in them is dead, so none may pass. */
const allBits = new Uint8Array(bytesPerList).fill(0xff)

export function statusBits(issuer: string): StatusBits {
  const prefix = `${issuer.replace(/\/$/, '')}/.well-known/status-lists/`
  const bitsOf = new Map<string, Uint8Array>()
  let live = new Set<number>()
  let newest = 0

  function listOf(uri: string): number | undefined {
    const number = uri.startsWith(prefix) ? uri.slice(prefix.length) : ''
    return /^(0|[1-9][0-9]{0,9})$/.test(number) ? Number(number) : undefined
  }

  function isOver(list: number): boolean {
    return list < newest && !live.has(list)
  }

  /** What stands for a list that was not heard of: nothing is set in one that begins. */
  function meet(uri: string): Uint8Array {
    const list = listOf(uri)
    if (list === undefined) throw new TokenError('AUTH_INVALID_CLAIMS')
    const bits = isOver(list) ? allBits : noBits
    bitsOf.set(uri, bits)
    return bits
  }

  /** Bits of the list's own, to be written to; undefined where all are set. */
  function open(list: number): Uint8Array | undefined {
    const uri = prefix + list
    const known = bitsOf.get(uri) ?? meet(uri)
    if (known === allBits) return undefined
    if (known !== noBits) return known
    const own = new Uint8Array(bytesPerList)
    bitsOf.set(uri, own)
    return own
  }

  function ownLists(): number {
    let count = 0
    for (const bits of bitsOf.values()) if (bits !== noBits && bits !== allBits) count += 1
    return count
  }

  return {
    isRevoked({ uri, index }) {
      const bits = bitsOf.get(uri) ?? meet(uri)
      const byte = bits[index >>> 3]
      if (byte === undefined || index >= sessionsPerList) throw new TokenError('AUTH_INVALID_CLAIMS')
      return ((byte >> (index & 7)) & 1) === 1
    },

    set(list, index) {
      const bits = open(list)
      if (bits) bits[index >>> 3] = (bits[index >>> 3] ?? 0) | (1 << (index & 7))
    },

    add(list, more) {
      if (!more.some((byte) => byte !== 0)) return
      const bits = open(list)
      if (bits) for (const [at, byte] of more.entries()) bits[at] = (bits[at] ?? 0) | byte
    },

    keepOnly(lists) {
      live = new Set(lists)
      newest = Math.max(newest, ...lists)
      for (const uri of bitsOf.keys()) if (isOver(listOf(uri) ?? 0)) bitsOf.set(uri, allBits)
    },

    listOf,
    uriOf: (list) => prefix + list,
    lists: ownLists,
    memoryBytes: () => ownLists() * bytesPerList,
  }
}
