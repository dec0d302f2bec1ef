/** Does something for each item, as many at once as there are hands. Answers in the order of the items. */
export async function eachAtOnce<Item, Result>(
  items: readonly Item[],
  hands: number,
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  // All hands take from the same entries.
  const entries = items.entries()
  const hand = async () => {
    for (const [at, item] of entries) results[at] = await act(item)
  }
  await Promise.all(Array.from({ length: hands }, hand))
  return results
}
