import type { Kysely, Selectable } from 'kysely'
import type { SigningAlgorithm, StoredSigningKey } from '../domain/signing-key.ts'
import type { SigningKeyStore } from '../domain/store.ts'
import { hold } from './locks.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

export function signingKeyStore(database: Kysely<Schema>): SigningKeyStore {
  return {
    insertFirst: async (key) => {
      return inTransaction(database, async (inside) => {
        await hold(inside, 'signing_keys')
        const existing = await inside.selectFrom('signing_keys').select('id').limit(1).executeTakeFirst()
        if (existing) return false
        await inside.insertInto('signing_keys').values(toRow(key)).execute()
        return true
      })
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
