import type { Kysely } from 'kysely'
import type { TableWords } from '../engine.ts'

/** What APIs show to ask about tokens and to revoke them, and in the audit log whose deed it was. */
export async function up(database: Kysely<unknown>, { integer, text, strict }: TableWords): Promise<void> {
  await database.schema
    .createTable('api_credentials')
    .addColumn('id', text, (column) => column.primaryKey().notNull())
    .addColumn('name', text, (column) => column.notNull().unique())
    .addColumn('digest', text, (column) => column.notNull().unique())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('last_used_at', integer)
    .addColumn('revoked_at', integer)
    .$call(strict)
    .execute()

  await database.schema.alterTable('auth_events').addColumn('api_name', text).execute()
}
