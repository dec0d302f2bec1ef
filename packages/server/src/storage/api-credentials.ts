import type { Kysely, Selectable } from 'kysely'
import type { ApiCredential, ApiCredentialId } from '../domain/api-credential.ts'
import type { ApiCredentialStore } from '../domain/store.ts'
import { prepareQuery } from './prepared-query.ts'
import type { Schema } from './schema.ts'

const credentialByDigest = prepareQuery((database, { digest }: { digest: string }) =>
  database.selectFrom('api_credentials').selectAll().where('digest', '=', digest),
)

export function apiCredentialStore(database: Kysely<Schema>): ApiCredentialStore {
  return {
    insert: async (credential) => {
      const inserted = await database
        .insertInto('api_credentials')
        .values(toRow(credential))
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst()
      return inserted.numInsertedOrUpdatedRows === 1n
    },

    findByDigest: async (digest) => {
      const { rows } = await credentialByDigest(database, { digest })
      const [row] = rows
      return row && toApiCredential(row)
    },

    findByName: async (name) => {
      const row = await database.selectFrom('api_credentials').selectAll().where('name', '=', name).executeTakeFirst()
      return row && toApiCredential(row)
    },

    list: async () => {
      const rows = await database.selectFrom('api_credentials').selectAll().orderBy('name').execute()
      return rows.map(toApiCredential)
    },

    recordUse: async (id, at) => {
      await database.updateTable('api_credentials').set({ last_used_at: at }).where('id', '=', id).execute()
    },

    revoke: async (id, at) => {
      const updated = await database
        .updateTable('api_credentials')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      return updated.numUpdatedRows === 1n
    },
  }
}

function toRow(credential: ApiCredential): Selectable<Schema['api_credentials']> {
  return {
    id: credential.id,
    name: credential.name,
    digest: credential.digest,
    created_at: credential.createdAt,
    last_used_at: credential.lastUsedAt ?? null,
    revoked_at: credential.revokedAt ?? null,
  }
}

function toApiCredential(row: Selectable<Schema['api_credentials']>): ApiCredential {
  return {
    id: row.id as ApiCredentialId,
    name: row.name,
    digest: row.digest,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
  }
}
