import { Kysely } from 'kysely'
import type { Store } from '../domain/store.ts'
import { apiCredentialStore } from './api-credentials.ts'
import { auditStore } from './audit.ts'
import { expiryStore } from './expiry.ts'
import { type Migrations, migrationsOf } from './migrate.ts'
import { refreshTokenStore } from './refresh-tokens.ts'
import { restoreStore } from './restores.ts'
import { revocationStore } from './revocations.ts'
import type { Schema } from './schema.ts'
import { type SeedPlan, type SeedProgress, seed } from './seed.ts'
import { sessionStore } from './sessions.ts'
import { signingKeyStore } from './signing-keys.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { sqliteUpkeep, type Upkeep } from './sqlite-upkeep.ts'
import { statusListStore } from './status-lists.ts'
import { userStore } from './users.ts'

/** A database, ready to be migrated and used. */
export type Database = {
  store: Store
  migrations: Migrations
  upkeep: Upkeep
  /** Fills the database for measurements. @throws {Error} where there are accounts already and it is no addition */
  seed(plan: SeedPlan, onProgress: (progress: SeedProgress) => void): Promise<void>
  /** @throws {Error} where the database does not answer, or misses a migration of this program */
  assertReady(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the database that a URL names. The one place that knows which engine serves which scheme. The file of an
 * SQLite database is made at the first query, with its folder.
 */
export function openDatabase(url: string): Database {
  const database = new Kysely<Schema>({ dialect: sqliteDialect(url.replace(/^sqlite:/, '')) })
  const migrations = migrationsOf(database)
  return {
    store: storeOn(database),
    migrations,
    upkeep: sqliteUpkeep(database),
    seed: (plan, onProgress) => seed(database, plan, onProgress),
    assertReady: async () => {
      const missing = (await migrations.status()).filter(({ appliedAt }) => !appliedAt)
      if (missing.length > 0) {
        throw new Error(`Cannot use this database: it lacks ${missing.map(({ name }) => name).join(', ')}`)
      }
    },
    close: () => database.destroy(),
  }
}

function storeOn(database: Kysely<Schema>): Store {
  return {
    users: userStore(database),
    sessions: sessionStore(database),
    refreshTokens: refreshTokenStore(database),
    revocations: revocationStore(database),
    statusLists: statusListStore(database),
    restores: restoreStore(database),
    audit: auditStore(database),
    signingKeys: signingKeyStore(database),
    apiCredentials: apiCredentialStore(database),
    expiry: expiryStore(database),
    transaction: (work) => database.transaction().execute((inside) => work(storeOn(inside))),
  }
}
