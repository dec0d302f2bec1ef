import { type Kysely, sql } from 'kysely'
import type { TableWords } from '../engine.ts'

/**
 * Puts the events of nobody in particular among the others in the index of migration 0006, by the digest of whom they named: in
 * one place of their own a refused login of an unknown email was written quicker than one of a known email.
 */
export async function up(database: Kysely<unknown>, { readsIndexAlone }: TableWords): Promise<void> {
  if (!readsIndexAlone) return
  await database.schema
    .createIndex('auth_events_by_owner')
    .on('auth_events')
    .expression(sql`coalesce(user_id, identifier_digest)`)
    .columns(['sequence', 'id', 'session_id', 'identifier_digest', 'event_type', 'ip_address', 'user_agent', 'success'])
    .columns(['failure_reason', 'request_id', 'created_at', 'count', 'api_name'])
    .execute()
  await database.schema.dropIndex('auth_events_by_user').execute()
}
