import { type Kysely, type Selectable, sql } from 'kysely'
import type { AuditEvent, EventType } from '../domain/audit-event.ts'
import type { SessionId } from '../domain/session.ts'
import type { AuditStore } from '../domain/store.ts'
import type { UserId } from '../domain/user.ts'
import type { Engine } from './engine.ts'
import { prepareQuery } from './prepared-query.ts'
import { rowsPerInsert, type Schema } from './schema.ts'

type EventRow = Omit<Selectable<Schema['auth_events']>, 'sequence' | 'window_key'>

/** Those of the index `auth_events_by_owner`: with one more SQLite would read the table for each line. */
const columns = [
  'id',
  'session_id',
  'identifier_digest',
  'event_type',
  'ip_address',
  'user_agent',
  'success',
  'failure_reason',
  'request_id',
  'created_at',
  'count',
  'api_name',
] as const satisfies readonly (keyof EventRow)[]

const insertEvent = prepareQuery((database, row: EventRow) => database.insertInto('auth_events').values(row))

export function auditStore(database: Kysely<Schema>, { eventOwner }: Pick<Engine, 'eventOwner'>): AuditStore {
  return {
    append: async (event) => {
      await insertEvent(database, toRow(event))
    },

    tally: async (lines) => {
      const rows = lines.map(({ windowKey, event }) => ({ ...toRow(event), window_key: windowKey }))
      while (rows.length > 0) {
        await database
          .insertInto('auth_events')
          .values(rows.splice(0, rowsPerInsert))
          .onConflict((conflict) =>
            conflict.column('window_key').doUpdateSet({ count: sql`auth_events.count + excluded.count` }),
          )
          .execute()
      }
    },

    listOf: async (userId, { afterId, limit }) => {
      let query = database
        .selectFrom('auth_events')
        .select(columns)
        .where(eventOwner, '=', userId)
        .orderBy('sequence', 'desc')
        .limit(limit)
      if (afterId !== undefined) {
        const after = await database
          .selectFrom('auth_events')
          .select('sequence')
          .where('id', '=', afterId)
          .where('user_id', '=', userId)
          .executeTakeFirst()
        if (!after) return undefined
        query = query.where('sequence', '<', after.sequence)
      }
      return (await query.execute()).map((row) => toEvent({ ...row, user_id: userId }))
    },
  }
}

function toRow(event: AuditEvent): EventRow {
  return {
    id: event.id,
    user_id: event.userId ?? null,
    session_id: event.sessionId ?? null,
    identifier_digest: event.identifierDigest ?? null,
    event_type: event.type,
    ip_address: event.ipAddress,
    user_agent: event.userAgent,
    success: Number(event.isSuccess),
    failure_reason: event.failureReason ?? null,
    request_id: event.requestId,
    created_at: event.createdAt,
    count: event.count,
    api_name: event.apiName ?? null,
  }
}

function toEvent(row: EventRow): AuditEvent {
  return {
    id: row.id,
    userId: (row.user_id ?? undefined) as UserId | undefined,
    sessionId: (row.session_id ?? undefined) as SessionId | undefined,
    identifierDigest: row.identifier_digest ?? undefined,
    type: row.event_type as EventType,
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
    isSuccess: row.success === 1,
    failureReason: row.failure_reason ?? undefined,
    requestId: row.request_id,
    createdAt: row.created_at,
    count: row.count,
    apiName: row.api_name ?? undefined,
  }
}
