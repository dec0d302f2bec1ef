/** Where an item stands in line. */
export type Place = { purpose: string; network: string }

/**
 * A queue in which purposes take turns, within a purpose its networks, and within a network who came first. So one
 * network with a thousand items delays another's single one by one item, and signups cannot keep logins out.
 */
export type FairQueue<Item> = {
  push(item: Item, place: Place): void
  shift(): Item | undefined
  /** Takes an item out of turn. Answers whether it was there. */
  remove(item: Item, place: Place): boolean
  /** How many come before an item that is pushed now, unless more come in between. */
  ahead(place: Place): number
  length(): number
}

/** Maps keep the order in which keys were set: whose turn is next stands first. */
type Line<Item> = { networks: Map<string, Item[]>; length: number }

export function fairQueue<Item>(): FairQueue<Item> {
  const lines = new Map<string, Line<Item>>()

  function push(item: Item, { purpose, network }: Place): void {
    const line = lines.get(purpose) ?? { networks: new Map(), length: 0 }
    const items = line.networks.get(network) ?? []
    items.push(item)
    line.networks.set(network, items)
    line.length += 1
    lines.set(purpose, line)
  }

  function shift(): Item | undefined {
    const [[purpose, line] = []] = lines
    const [[network, items] = []] = line?.networks ?? []
    if (purpose === undefined || network === undefined || !line || !items) return undefined

    const item = items.shift()
    line.length -= 1
    line.networks.delete(network)
    if (items.length > 0) line.networks.set(network, items)
    lines.delete(purpose)
    if (line.length > 0) lines.set(purpose, line)
    return item
  }

  function remove(item: Item, { purpose, network }: Place): boolean {
    const line = lines.get(purpose)
    const items = line?.networks.get(network)
    const at = items?.indexOf(item) ?? -1
    if (!line || !items || at < 0) return false

    items.splice(at, 1)
    line.length -= 1
    if (items.length === 0) line.networks.delete(network)
    if (line.length === 0) lines.delete(purpose)
    return true
  }

  function ahead({ purpose, network }: Place): number {
    const own = aheadInLine(lines.get(purpose), network)
    return own + turnsOfOthers(lines, purpose, own, ({ length }) => length)
  }

  return {
    push,
    shift,
    remove,
    ahead,
    length: () => [...lines.values()].reduce((sum, { length }) => sum + length, 0),
  }
}

function aheadInLine(line: Line<unknown> | undefined, network: string): number {
  if (!line) return 0
  const own = line.networks.get(network)?.length ?? 0
  // A network that is new to the line comes once behind each of the others. A flood from many asks for no more.
  if (own === 0) return line.networks.size
  return own + turnsOfOthers(line.networks, network, own, ({ length }) => length)
}

/** How many turns others get before the one who had `own` of them gets the next. */
function turnsOfOthers<Other>(
  ring: ReadonlyMap<string, Other>,
  name: string,
  own: number,
  lengthOf: (other: Other) => number,
): number {
  let sum = 0
  // Who stands behind in the ring gets one turn less. Who is not in it yet comes last.
  let turns = own + 1
  for (const [other, items] of ring) {
    if (other === name) turns = own
    else sum += Math.min(lengthOf(items), turns)
  }
  return sum
}
