import { type Kysely, sql } from 'kysely'
import type { TableWords } from '../engine.ts'

/** Users, their sessions and refresh tokens, the audit log, the ends of sessions, and signing keys. */
export async function up(database: Kysely<unknown>, { integer, text, numbered, strict }: TableWords): Promise<void> {
  await database.schema
    .createTable('users')
    .addColumn('id', text, (column) => column.primaryKey().notNull())
    .addColumn('email', text, (column) => column.notNull().unique())
    .addColumn('password_hash', text, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('last_login', integer)
    .addColumn('is_active', integer, (column) => column.notNull().defaultTo(1))
    .$call(strict)
    .execute()

  await database.schema
    .createTable('known_networks')
    .addColumn('user_id', text, (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('network', text, (column) => column.notNull())
    .addColumn('last_login', integer, (column) => column.notNull())
    .addPrimaryKeyConstraint('known_networks_key', ['user_id', 'network'])
    .$call(strict)
    .execute()

  await database.schema
    .createTable('sessions')
    .addColumn('number', integer, (column) => numbered(column).notNull())
    .addColumn('id', text, (column) => column.notNull().unique())
    .addColumn('user_id', text, (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('last_used_at', integer, (column) => column.notNull())
    .addColumn('expires_at', integer, (column) => column.notNull())
    .addColumn('access_expires_at', integer, (column) => column.notNull())
    .addColumn('ip_address', text, (column) => column.notNull())
    .addColumn('user_agent', text, (column) => column.notNull())
    .addColumn('revoked_at', integer)
    .addColumn('revoked_reason', text)
    .$call(strict)
    .execute()
  await database.schema.createIndex('sessions_of_user').on('sessions').columns(['user_id', 'revoked_at']).execute()

  await database.schema
    .createTable('refresh_tokens')
    .addColumn('digest', text, (column) => column.primaryKey().notNull())
    .addColumn('session_id', text, (column) => column.notNull().references('sessions.id').onDelete('cascade'))
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('expires_at', integer, (column) => column.notNull())
    .addColumn('used_at', integer)
    .addColumn('successor_sealed', text)
    .$call(strict)
    .execute()
  await database.schema.createIndex('refresh_tokens_of_session').on('refresh_tokens').column('session_id').execute()

  await database.schema
    .createTable('revocations')
    .addColumn('sequence', integer, (column) => numbered(column).notNull())
    .addColumn('session_id', text, (column) => column.notNull().unique())
    .addColumn('session_number', integer, (column) => column.notNull())
    .addColumn('access_expires_at', integer, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .$call(strict)
    .execute()

  await database.schema
    .createTable('status_lists')
    .addColumn('list', integer, (column) => column.primaryKey().notNull())
    .addColumn('expires_at', integer, (column) => column.notNull())
    .$call(strict)
    .execute()

  await database.schema
    .createTable('status_list_seed')
    .addColumn('id', integer, (column) => column.primaryKey().notNull().check(sql`id = 1`))
    .addColumn('seed', text, (column) => column.notNull())
    .$call(strict)
    .execute()

  await database.schema
    .createTable('auth_events')
    .addColumn('sequence', integer, (column) => numbered(column).notNull())
    .addColumn('id', text, (column) => column.notNull().unique())
    .addColumn('user_id', text)
    .addColumn('session_id', text)
    .addColumn('identifier_digest', text)
    .addColumn('event_type', text, (column) => column.notNull())
    .addColumn('ip_address', text, (column) => column.notNull())
    .addColumn('user_agent', text, (column) => column.notNull())
    .addColumn('success', integer, (column) => column.notNull())
    .addColumn('failure_reason', text)
    .addColumn('request_id', text, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('count', integer, (column) => column.notNull().defaultTo(1))
    .addColumn('window_key', text, (column) => column.unique())
    .$call(strict)
    .execute()
  await database.schema.createIndex('auth_events_of_user').on('auth_events').columns(['user_id', 'sequence']).execute()

  await database.schema
    .createTable('signing_keys')
    .addColumn('id', text, (column) => column.primaryKey().notNull())
    .addColumn('algorithm', text, (column) => column.notNull())
    .addColumn('private_sealed', text, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('activates_at', integer, (column) => column.notNull())
    .addColumn('token_seconds', integer, (column) => column.notNull())
    .$call(strict)
    .execute()
}
