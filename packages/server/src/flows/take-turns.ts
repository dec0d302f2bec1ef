/** Does work on one key one after the other, and work on different keys side by side. */
export type Turns = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>

/** Makes a queue for each key in this process. Other processes do not wait: what must hold for them too, the database says. */
export function takeTurns(): Turns {
  const newest = new Map<string, Promise<unknown>>()

  return async (key, work) => {
    const mine = (newest.get(key) ?? Promise.resolve()).then(work, work)
    newest.set(key, mine)
    try {
      return await mine
    } finally {
      if (newest.get(key) === mine) newest.delete(key)
    }
  }
}
