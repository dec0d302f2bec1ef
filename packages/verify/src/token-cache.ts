import type { AccessClaims } from './claims.ts'

/** What must be asked again of a token that was verified, as numbers that fit 31 bits. */
export interface TokenFacts {
  /** It passes between these two instants, in whole seconds. */
  readonly from: number
  readonly until: number
  /** Where the bit of its session stands: in all lists, or in which and where in it, as whoever asks counts. */
  readonly place: number
  readonly index: number
}

/** The slot of a token that is not known. */
export const notKnown = -1

/** What was learnt by verifying tokens. A slot is good until the next `add`. */
export interface TokenCache {
  /** The slot of a token by its whole text, so that no part of one is ever taken for the whole; or `notKnown`. */
  find(token: string): number
  add(token: string, claims: AccessClaims, facts: TokenFacts): void
  claims(slot: number): AccessClaims | undefined
  isWithin(slot: number, seconds: number): boolean
  place(slot: number): number
  index(slot: number): number
  clear(): void
  size(): number
}

/** How many numbers a slot has: 16 bytes, so that all of them come in one trip to memory. */
const stride = 4

/**
 * Remembers tokens in two generations: when the young one is full it becomes the old one, and what was old and not
 * asked for since is forgotten. That costs nothing while there is room, where other ways of forgetting keep lists. Holds
 * between one and two times `generationSize` tokens.
 *
 * The numbers of all tokens stand side by side in one array: what is asked at every hit then mostly stays in the
 * processor's own memory, which objects all over the heap do not.
 */
export function tokenCache(generationSize: number): TokenCache {
  let young = new Map<string, number>()
  let old = new Map<string, number>()
  /** The young generation has one half of all slots, the old one the other. */
  let youngStart = 0
  let numbers = new Int32Array(0)
  let allClaims: (AccessClaims | undefined)[] = []

  function add(token: string, claims: AccessClaims, { from, until, place, index }: TokenFacts): void {
    if (generationSize === 0) return
    if (young.size >= generationSize) turn()
    const slot = young.get(token) ?? youngStart + young.size
    if (slot * stride >= numbers.length) grow()
    young.set(token, slot)
    numbers[slot * stride] = from
    numbers[slot * stride + 1] = until
    numbers[slot * stride + 2] = place
    numbers[slot * stride + 3] = index
    allClaims[slot] = claims
  }

  function turn(): void {
    old = young
    young = new Map()
    youngStart = youngStart === 0 ? generationSize : 0
    allClaims.fill(undefined, youngStart, youngStart + generationSize)
  }

  /** Few APIs ever see as many tokens as fit: memory is taken as it is needed. */
  function grow(): void {
    const grown = new Int32Array(Math.min(Math.max(numbers.length * 2, 4_096), 2 * generationSize * stride))
    grown.set(numbers)
    numbers = grown
  }

  function numberAt(slot: number, at: number): number {
    return numbers[slot * stride + at] ?? 0
  }

  /** An old token that is asked for is young again. */
  function findOld(token: string): number {
    const slot = old.get(token)
    const claims = slot === undefined ? undefined : allClaims[slot]
    if (slot === undefined || claims === undefined) return notKnown
    const [from, until, place, index] = [numberAt(slot, 0), numberAt(slot, 1), numberAt(slot, 2), numberAt(slot, 3)]
    old.delete(token)
    add(token, claims, { from, until, place, index })
    return young.get(token) ?? notKnown
  }

  return {
    find: (token) => young.get(token) ?? (old.size === 0 ? notKnown : findOld(token)),
    add,
    claims: (slot) => allClaims[slot],
    isWithin: (slot, seconds) => seconds >= numberAt(slot, 0) && seconds < numberAt(slot, 1),
    place: (slot) => numberAt(slot, 2),
    index: (slot) => numberAt(slot, 3),
    clear() {
      young = new Map()
      old = new Map()
      youngStart = 0
      numbers = new Int32Array(0)
      allClaims = []
    },
    size: () => young.size + old.size,
  }
}
