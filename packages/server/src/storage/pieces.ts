import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'

const numberOf = { sessions: 'number', revocations: 'sequence' } as const

/** The number of the last row of the next `limit` after a number; undefined where fewer are left. */
export async function endOfPiece(
  database: Kysely<Schema>,
  table: keyof typeof numberOf,
  { after, limit }: { after: number; limit: number },
): Promise<number | undefined> {
  const number = sql.ref<number>(numberOf[table])
  const last = await database
    .selectFrom(table)
    .select(number.as('number'))
    .where(number, '>', after)
    .orderBy(number)
    .limit(1)
    .offset(limit - 1)
    .executeTakeFirst()
  return last?.number
}
