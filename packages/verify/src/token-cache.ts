/** What was learnt by verifying a token. */
export interface TokenCache<Entry> {
  get(token: string): Entry | undefined
  set(token: string, entry: Entry): void
  clear(): void
  size(): number
}

/**
 * Remembers what was learnt of tokens by their whole text, so that no part of one is ever taken for the whole.
 *
 * Two generations: when the young one is full it becomes the old one, and what was old and not asked for since is
 * forgotten. That costs one look-up where other ways of forgetting keep lists. Holds between one and two times
 * `generationSize` tokens; a token that is not used for a generation goes.
 */
export function tokenCache<Entry>(generationSize: number): TokenCache<Entry> {
  let young = new Map<string, Entry>()
  let old = new Map<string, Entry>()

  function add(token: string, entry: Entry): void {
    if (generationSize === 0) return
    if (young.size >= generationSize) {
      old = young
      young = new Map()
    }
    young.set(token, entry)
  }

  function getOld(token: string): Entry | undefined {
    const entry = old.get(token)
    if (entry === undefined) return undefined
    old.delete(token)
    add(token, entry)
    return entry
  }

  return {
    get: (token) => young.get(token) ?? (old.size === 0 ? undefined : getOld(token)),
    set: add,
    clear() {
      young = new Map()
      old = new Map()
    },
    size: () => young.size + old.size,
  }
}
