import { type Kysely, sql } from 'kysely'
import type { TableWords } from '../engine.ts'

/** What transactions hold to take turns, beyond the rows that they change. */
export async function up(database: Kysely<unknown>, { text, strict }: TableWords): Promise<void> {
  await database.schema
    .createTable('locks')
    .addColumn('name', text, (column) => column.primaryKey().notNull())
    .$call(strict)
    .execute()
  await sql`insert into locks values ('revocations'), ('signing_keys')`.execute(database)
}
