import type { Kysely } from 'kysely'
import type { SessionId } from '../domain/session.ts'
import type { RevocationStore } from '../domain/store.ts'
import type { Schema } from './schema.ts'

export function revocationStore(database: Kysely<Schema>): RevocationStore {
  return {
    after: async (sequence, { now, limit }) => {
      const rows = await database
        .selectFrom('revocations')
        .select(['sequence', 'session_id', 'session_number', 'access_expires_at'])
        .where('sequence', '>', sequence)
        .where('access_expires_at', '>', now)
        .orderBy('sequence')
        .limit(limit)
        .execute()
      return rows.map((row) => ({
        sequence: row.sequence,
        sessionId: row.session_id as SessionId,
        sessionNumber: row.session_number,
        accessExpiresAt: row.access_expires_at,
      }))
    },

    newest: async () => {
      const { newest } = await database
        .selectFrom('revocations')
        .select(({ fn }) => fn.max('sequence').as('newest'))
        .executeTakeFirstOrThrow()
      return Number(newest ?? 0)
    },
  }
}
