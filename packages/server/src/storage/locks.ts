import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/**
 * Waits until no other transaction holds this name, and holds it until this one is over. A row, not an advisory lock:
 * engines that speak as Postgres does have row locks all, but some take advisory ones for granted.
 */
export async function hold(transaction: Kysely<Schema>, name: 'revocations' | 'signing_keys'): Promise<void> {
  await transaction
    .selectFrom('locks')
    .select('name')
    .where('name', '=', name)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow()
}
