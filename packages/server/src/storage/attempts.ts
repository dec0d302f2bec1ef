import type { Kysely } from 'kysely'
import type { AttemptStore } from '../domain/store.ts'
import { prepareQuery } from './prepared-query.ts'
import type { Schema } from './schema.ts'

type Attempt = { key: string; at: number; resetsAt: number; most: number }

const countAttempt = prepareQuery((database, { key, at, resetsAt, most }: Attempt) =>
  database
    .insertInto('attempts')
    .values({ key, count: 1, resets_at: resetsAt })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet(({ case: when, eb, ref }) => ({
        count: when()
          .when('attempts.resets_at', '<=', at)
          .then(1)
          .when('attempts.count', '>', most)
          .then(ref('attempts.count'))
          .else(eb('attempts.count', '+', 1))
          .end(),
        resets_at: when()
          .when('attempts.resets_at', '<=', at)
          .then(ref('excluded.resets_at'))
          .else(ref('attempts.resets_at'))
          .end(),
      })),
    )
    .returning(['count', 'resets_at']),
)

export function attemptStore(database: Kysely<Schema>): AttemptStore {
  return {
    count: async (key, { at, windowMilliseconds, most }) => {
      const { rows } = await countAttempt(database, { key, at, resetsAt: at + windowMilliseconds, most })
      const [{ count, resets_at }] = rows as [(typeof rows)[number]]
      return { count, resetsAt: resets_at }
    },

    giveBack: async (key, at) => {
      await database
        .updateTable('attempts')
        .set(({ eb }) => ({ count: eb('count', '-', 1) }))
        .where('key', '=', key)
        .where('count', '>', 0)
        .where('resets_at', '>', at)
        .execute()
    },

    forget: async (key) => {
      await database.deleteFrom('attempts').where('key', '=', key).execute()
    },
  }
}
