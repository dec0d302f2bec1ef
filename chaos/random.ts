/** Chance that can be repeated: the same seed makes the same choices. */
export type Chance = {
  /** From 0 up to 1, without 1. */
  fraction(): number
  between(least: number, most: number): number
  /** One of them; undefined where there is none. */
  oneOf<Item>(items: readonly Item[]): Item | undefined
  /** The same items in another order. */
  shuffled<Item>(items: readonly Item[]): Item[]
  /** Another chance, of its own: what it gives does not depend on how often this one was asked. */
  branch(number: number): Chance
}

/** Mulberry32: 32 bits of state are plenty to pick deeds with, and no secret comes from here. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0

  function fraction(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  return {
    fraction,
    between: (least, most) => least + fraction() * (most - least),
    oneOf: (items) => items[Math.floor(fraction() * items.length)],
    shuffled: (items) =>
      items
        .map((item) => ({ item, place: fraction() }))
        .toSorted((one, other) => one.place - other.place)
        .map(({ item }) => item),
    branch: (number) => chanceOf(Math.imul(seed + 1, 0x9e3779b1) + number * 0x85ebca6b),
  }
}
