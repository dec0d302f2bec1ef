import { setTimeout } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { Refusal } from '../domain/refusal.ts'
import { Conflict } from './conflict.ts'
import type { Schema } from './schema.ts'

/** How often a transaction is tried that met another. */
const maxAttempts = 5
/** Doubled from attempt to attempt. Of two that met one goes on, so it needs no chance. */
const firstPauseMilliseconds = 10

/**
 * Does the work inside the caller's transaction, or in one of its own where there is none.
 *
 * Each statement sees what was committed before it, and rows that decide are locked as they are read: so who waited
 * decides by what came out of the wait. Where two wait for one another the engine undoes one, which is then tried again
 * as a whole.
 */
export async function inTransaction<Result>(
  database: Kysely<Schema>,
  work: (inside: Kysely<Schema>) => Promise<Result>,
): Promise<Result> {
  if (database.isTransaction) return work(database)
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction().setIsolationLevel('read committed').execute(work)
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      if (attempt === maxAttempts) throw new Refusal('UNAVAILABLE', { retryAfterSeconds: 1, cause: error })
    }
    await setTimeout(firstPauseMilliseconds * 2 ** attempt)
  }
}
