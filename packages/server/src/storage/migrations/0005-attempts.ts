import type { Kysely } from 'kysely'
import type { TableWords } from '../engine.ts'

/** What limits have counted, where several nodes count together. */
export async function up(database: Kysely<unknown>, { integer, text, strict }: TableWords): Promise<void> {
  await database.schema
    .createTable('attempts')
    .addColumn('key', text, (column) => column.primaryKey().notNull())
    .addColumn('count', integer, (column) => column.notNull())
    .addColumn('resets_at', integer, (column) => column.notNull())
    .$call(strict)
    .execute()
  await database.schema.createIndex('attempts_resets_at').on('attempts').column('resets_at').execute()
}
