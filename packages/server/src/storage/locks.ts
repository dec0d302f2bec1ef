import type { Kysely } from 'kysely'
import { prepareQuery } from './prepared-query.ts'
import type { Schema } from './schema.ts'

type LockName = 'revocations' | 'signing_keys'

const holdLock = prepareQuery((database, { name }: { name: LockName }) =>
  database.selectFrom('locks').select('name').where('name', '=', name).forNoKeyUpdate(),
)

/**
 * Waits until no other transaction holds this name, and holds it until this one is over. A row, not an advisory lock:
 * engines that speak as Postgres does have row locks all, but some take advisory ones for granted.
 */
export async function hold(transaction: Kysely<Schema>, name: LockName): Promise<void> {
  const { rows } = await holdLock(transaction, { name })
  if (rows.length === 0) throw new Error(`Cannot hold the lock "${name}": the database has none of this name`)
}
