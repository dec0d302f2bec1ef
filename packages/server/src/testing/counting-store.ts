import type { Store } from '../domain/store.ts'

/** A store that notes what is asked of each of its tables, in order. */
export function countingStore(store: Store): { store: Store; asked: string[] } {
  const asked: string[] = []
  const counted = Object.entries(store).map(([table, verbs]) => {
    if (typeof verbs === 'function') return [table, verbs]
    const counter = new Proxy(verbs, {
      get: (all, verb: string) => {
        asked.push(`${table}.${verb}`)
        return Reflect.get(all, verb)
      },
    })
    return [table, counter]
  })
  return { store: Object.fromEntries(counted), asked }
}
