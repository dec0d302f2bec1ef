import type { Kysely, Selectable } from 'kysely'
import type { SigningAlgorithm, StoredSigningKey } from '../domain/signing-key.ts'
import type { SigningKeyStore } from '../domain/store.ts'
import type { Schema } from './schema.ts'

export function signingKeyStore(database: Kysely<Schema>): SigningKeyStore {
  return {
    insertFirst: async (key) => {
      const row = toRow(key)
      const columns = Object.keys(row) as (keyof typeof row)[]
      const onlyWhereEmpty = database
        .selectNoFrom(({ val }) => columns.map((column) => val(row[column]).as(column)))
        .where(({ not, exists, selectFrom }) => not(exists(selectFrom('signing_keys').select('id'))))
      const inserted = await database
        .insertInto('signing_keys')
        .columns(columns)
        .expression(onlyWhereEmpty)
        .executeTakeFirst()
      return inserted.numInsertedOrUpdatedRows === 1n
    },

    insert: async (key) => {
      await database.insertInto('signing_keys').values(toRow(key)).execute()
    },

    list: async () => {
      const rows = await database.selectFrom('signing_keys').selectAll().orderBy('created_at').execute()
      return rows.map(toSigningKey)
    },

    recordTokenLife: async (id, seconds) => {
      await database
        .updateTable('signing_keys')
        .set({ token_seconds: seconds })
        .where('id', '=', id)
        .where('token_seconds', '<', seconds)
        .execute()
    },
  }
}

function toRow(key: StoredSigningKey): Selectable<Schema['signing_keys']> {
  return {
    id: key.id,
    algorithm: key.algorithm,
    private_sealed: key.privateSealed,
    created_at: key.createdAt,
    activates_at: key.activatesAt,
    token_seconds: key.tokenSeconds,
  }
}

function toSigningKey(row: Selectable<Schema['signing_keys']>): StoredSigningKey {
  return {
    id: row.id,
    algorithm: row.algorithm as SigningAlgorithm,
    privateSealed: row.private_sealed,
    createdAt: row.created_at,
    activatesAt: row.activates_at,
    tokenSeconds: row.token_seconds,
  }
}
