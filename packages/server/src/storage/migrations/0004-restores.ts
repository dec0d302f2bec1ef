import type { Kysely } from 'kysely'
import type { TableWords } from '../engine.ts'

/** From where on sessions and their ends are numbered since a backup was put back. */
export async function up(database: Kysely<unknown>, { integer, strict }: TableWords): Promise<void> {
  await database.schema
    .createTable('restores')
    .addColumn('first_list', integer, (column) => column.primaryKey().notNull())
    .addColumn('after_sequence', integer, (column) => column.notNull())
    .addColumn('restored_at', integer, (column) => column.notNull())
    .$call(strict)
    .execute()
}
