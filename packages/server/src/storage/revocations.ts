import { type Kysely, sql } from 'kysely'
import type { SessionId } from '../domain/session.ts'
import type { RevocationStore } from '../domain/store.ts'
import type { Engine } from './engine.ts'
import { prepareQuery } from './prepared-query.ts'
import type { Schema } from './schema.ts'

type Page = { sequence: number; now: number; limit: number }

const endsAfter = prepareQuery((database, { sequence, now, limit }: Page) =>
  database
    .selectFrom('revocations')
    .select(['sequence', 'session_id', 'session_number', 'access_expires_at'])
    .where('sequence', '>', sequence)
    .where('access_expires_at', '>', now)
    .orderBy('sequence')
    // As a sum: SQLite plans a statement anew for each bare value that limits it, which costs more than to run it.
    .limit(sql<number>`${limit} + 0`),
)

const readBounds = prepareQuery((database, _: object) =>
  database.selectNoFrom(({ selectFrom }) => [
    selectFrom('revocations')
      .select(({ fn }) => fn.max('sequence').as('max'))
      .as('newest'),
    selectFrom('restores')
      .select(({ fn }) => fn.max('after_sequence').as('max'))
      .as('since'),
    selectFrom('restores')
      .select(({ fn }) => fn.max('first_list').as('max'))
      .as('first'),
  ]),
)

export function revocationStore(database: Kysely<Schema>, { settle }: Pick<Engine, 'settle'>): RevocationStore {
  return {
    after: async (sequence, page) => {
      const { rows } = await endsAfter(database, { sequence, ...page })
      // Whoever hears of an end counts on its number for good: a power cut must not take it back.
      if (rows.length > 0) await settle()
      return rows.map((row) => ({
        sequence: row.sequence,
        sessionId: row.session_id as SessionId,
        sessionNumber: row.session_number,
        accessExpiresAt: row.access_expires_at,
      }))
    },

    bounds: async () => {
      const { rows } = await readBounds(database, {})
      const [{ newest, since, first }] = rows as [(typeof rows)[number]]
      return { since: Number(since ?? 0), newest: Math.max(newest ?? 0, since ?? 0), firstList: Number(first ?? 0) }
    },
  }
}
