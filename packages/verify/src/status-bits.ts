import { TokenError } from './token-error.ts'
import type { TokenStatus } from './token-status.ts'

/** How many sessions a list of the issuer has. */
export const sessionsPerList = 65_536
export const bytesPerList = sessionsPerList / 8

/** The bits of all lists, one list after the other: what is asked of a known token is one byte of one array. */
export interface BitStore {
  /** Replaced by a longer one when lists come. */
  bytes: Uint8Array
  /** Another when lists have gone: positions of before are then worth nothing. */
  epoch: number
}

/** The bits of all lists of one issuer: they are only ever set. */
export interface StatusBits {
  readonly store: BitStore
  /**
   * Where the bit that a token names stands in the store, as long as the epoch lasts.
   *
   * @throws {TokenError} AUTH_INVALID_CLAIMS for a place that no list of the issuer has
   */
  positionOf(status: TokenStatus): number
  /** @throws {TokenError} AUTH_INVALID_CLAIMS as `positionOf` */
  isRevoked(status: TokenStatus): boolean
  set(list: number, index: number): void
  /** Sets what is set in these 8,192 bytes too. */
  add(list: number, bits: Uint8Array): void
  /**
   * Takes note of the lists that there are: those before the first are over, for ever. A later one that is missing keeps
   * its bits: an old answer does not know of it yet.
   */
  keepOnly(live: readonly number[]): void
  /** The number of a list by its address; undefined where it is none of the issuer's. */
  listOf(uri: string): number | undefined
  uriOf(list: number): string
  /** How many lists are held in memory. */
  lists(): number
  memoryBytes(): number
}

/** Shared by all lists that are over: every token in them is dead, so every bit is set. */
const partOfTheOver = 0

/** How many lists more there is room for whenever there is none. */
const listsPerGrowth = 16

export function statusBits(issuer: string): StatusBits {
  const prefix = `${issuer.replace(/\/$/, '')}/.well-known/status-lists/`
  const store: BitStore = { bytes: new Uint8Array(bytesPerList).fill(0xff), epoch: 0 }
  /** In which part of the store a list stands, by its address. */
  let parts = new Map<string, number>()
  let partsInUse = 1
  let oldest = 0

  function listOf(uri: string): number | undefined {
    if (!uri.startsWith(prefix)) return undefined
    const number = uri.slice(prefix.length)
    return /^(0|[1-9][0-9]{0,9})$/.test(number) ? Number(number) : undefined
  }

  /** Makes room for a list that was not heard of: nothing is set in one that begins. */
  function meet(uri: string): number {
    const list = listOf(uri)
    if (list === undefined) throw new TokenError('AUTH_INVALID_CLAIMS')
    if (list < oldest) return partOfTheOver
    const part = partsInUse
    partsInUse += 1
    if (partsInUse * bytesPerList > store.bytes.length) resize(partsInUse + listsPerGrowth)
    parts.set(uri, part)
    return part
  }

  function resize(size: number): void {
    const bytes = new Uint8Array(size * bytesPerList)
    bytes.set(store.bytes)
    store.bytes = bytes
  }

  /** Where the bits of a list begin, in bytes. */
  function startOf(list: number): number {
    const uri = prefix + list
    return (parts.get(uri) ?? meet(uri)) * bytesPerList
  }

  /** Moves the lists that last together. Whoever knows a position learns by the epoch that it is another now. */
  function dropOver(): void {
    const lasting = [...parts].filter(([uri]) => Number(listOf(uri)) >= oldest)
    if (lasting.length === parts.size) return
    const bytes = new Uint8Array((lasting.length + 1) * bytesPerList)
    bytes.fill(0xff, 0, bytesPerList)
    for (const [at, [, part]] of lasting.entries()) {
      bytes.set(store.bytes.subarray(part * bytesPerList, (part + 1) * bytesPerList), (at + 1) * bytesPerList)
    }
    parts = new Map(lasting.map(([uri], at) => [uri, at + 1]))
    partsInUse = lasting.length + 1
    store.bytes = bytes
    store.epoch += 1
  }

  function positionOf({ uri, index }: TokenStatus): number {
    if (index >= sessionsPerList) throw new TokenError('AUTH_INVALID_CLAIMS')
    return (parts.get(uri) ?? meet(uri)) * sessionsPerList + index
  }

  return {
    store,
    positionOf,
    isRevoked: (status) => isSetAt(store, positionOf(status)),

    set(list, index) {
      const at = startOf(list) + (index >>> 3)
      store.bytes[at] = (store.bytes[at] ?? 0) | (1 << (index & 7))
    },

    add(list, bits) {
      if (!bits.some((byte) => byte !== 0)) return
      const start = startOf(list)
      const { bytes } = store
      for (let at = 0; at < bytesPerList; at += 1) bytes[start + at] = (bytes[start + at] ?? 0) | (bits[at] ?? 0)
    },

    keepOnly(lists) {
      if (lists.length > 0) oldest = Math.max(oldest, Math.min(...lists))
      dropOver()
      const toCome = lists.filter((list) => !parts.has(prefix + list)).length
      if ((partsInUse + toCome) * bytesPerList > store.bytes.length) resize(partsInUse + toCome)
    },

    listOf,
    uriOf: (list) => prefix + list,
    lists: () => parts.size,
    memoryBytes: () => store.bytes.length,
  }
}

/** Whether the bit at a position is set. */
export function isSetAt({ bytes }: BitStore, position: number): boolean {
  return (((bytes[position >>> 3] ?? 0xff) >>> (position & 7)) & 1) === 1
}
