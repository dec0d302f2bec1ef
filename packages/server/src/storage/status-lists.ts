import type { Kysely } from 'kysely'
import type { StatusListStore } from '../domain/store.ts'
import type { Schema } from './schema.ts'

export function statusListStore(database: Kysely<Schema>): StatusListStore {
  return {
    seed: async (candidate) => {
      await database
        .insertInto('status_list_seed')
        .values({ id: 1, seed: candidate })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
      const { seed } = await database.selectFrom('status_list_seed').select('seed').executeTakeFirstOrThrow()
      return seed
    },

    live: async (at) => {
      const rows = await database
        .selectFrom('status_lists')
        .select('list')
        .where('expires_at', '>', at)
        .where('list', '>=', ({ selectFrom }) =>
          selectFrom('restores').select(({ fn, lit }) => fn.coalesce(fn.max('first_list'), lit(0)).as('first')),
        )
        .orderBy('list')
        .execute()
      return rows.map(({ list }) => list)
    },
  }
}
