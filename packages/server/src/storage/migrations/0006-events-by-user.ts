import type { Kysely } from 'kysely'
import type { TableWords } from '../engine.ts'

/** Where an index is read in place of its table, one with the events of each user side by side: all that a page of them needs. */
export async function up(database: Kysely<unknown>, { readsIndexAlone }: TableWords): Promise<void> {
  if (!readsIndexAlone) return
  await database.schema
    .createIndex('auth_events_by_user')
    .on('auth_events')
    .columns(['user_id', 'sequence', 'id', 'session_id', 'identifier_digest', 'event_type', 'ip_address', 'user_agent'])
    .columns(['success', 'failure_reason', 'request_id', 'created_at', 'count', 'api_name'])
    .execute()
  await database.schema.dropIndex('auth_events_of_user').execute()
}
