import { bcryptHash, bcryptMatches } from './bcrypt.ts'

export type HashTask =
  | { kind: 'hash'; password: Uint8Array; cost: number }
  | {
      kind: 'match'
      password: Uint8Array
      stored: string
      maxCost: number
      /** What a password that does not match is compared with besides, so that it takes as long as any other. */
      fillers: readonly string[]
    }

export type HashAnswer = { hash: string } | { matches: boolean } | { fault: string }

/** What a thread is handed at once, and what it hands back: an answer for each task, and how long all took. */
export type HashBatch = readonly HashTask[]
export type HashedBatch = { answers: HashAnswer[]; seconds: number }

/**
 * How many tasks a thread is handed at once. The hash function that we use computes one after the other, so more would
 * only wait in the wrong place; one that computes several together on a core would take as many here.
 */
export const tasksPerBatch = 1

/** Computes. Whatever goes wrong inside the hash function is told by its name alone. */
export function carryOut(task: HashTask): HashAnswer {
  try {
    return task.kind === 'hash' ? { hash: bcryptHash(task.password, task.cost) } : { matches: compare(task) }
  } catch (error) {
    return { fault: error instanceof Error ? error.name : 'unknown' }
  }
}

function compare({ password, stored, maxCost, fillers }: Extract<HashTask, { kind: 'match' }>): boolean {
  if (bcryptMatches(password, stored, maxCost)) return true
  for (const filler of fillers) bcryptMatches(password, filler)
  return false
}
