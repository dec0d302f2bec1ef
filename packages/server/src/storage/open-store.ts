import { Kysely } from 'kysely'
import type { News, Store } from '../domain/store.ts'
import { apiCredentialStore } from './api-credentials.ts'
import { attemptStore } from './attempts.ts'
import { auditStore } from './audit.ts'
import type { Engine } from './engine.ts'
import { expiryStore } from './expiry.ts'
import { type Migrations, migrationsOf } from './migrate.ts'
import type { PostgresUse } from './postgres-dialect.ts'
import { postgresEngine } from './postgres-engine.ts'
import { refreshTokenStore } from './refresh-tokens.ts'
import { restoreStore } from './restores.ts'
import { revocationStore } from './revocations.ts'
import type { Schema } from './schema.ts'
import { type SeedPlan, type SeedProgress, seed } from './seed.ts'
import { sessionStore } from './sessions.ts'
import { signingKeyStore } from './signing-keys.ts'
import { sqliteEngine } from './sqlite-engine.ts'
import { statusListStore } from './status-lists.ts'
import { inTransaction } from './transaction.ts'
import type { Upkeep } from './upkeep.ts'
import { userStore } from './users.ts'

/** A database, ready to be migrated and used. */
export type Database = {
  /** The address, as it may be shown and logged. */
  named: string
  /** Passwords and tokens' digests cross a network in clear. */
  isExposed: boolean
  /** Whoever sits between may pose as the database. */
  isUnverified: boolean
  /** Names the settings of Postgres that bound how long it works or waits for this program, and did not reach it. */
  lostTimeouts(): Promise<string[]>
  /** Several servers may be on it. */
  isShared: boolean
  store: Store
  news: News
  migrations: Migrations
  upkeep: Upkeep
  /** Fills the database for measurements. @throws {Error} where there are accounts already and it is no addition */
  seed(plan: SeedPlan, onProgress: (progress: SeedProgress) => void): Promise<void>
  /** @throws {Error} where the database does not answer, or misses a migration of this program */
  assertReady(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the database that a URL names. The one place that knows which engine serves which scheme. Nothing is connected
 * before the first query; the file of an SQLite database is made then, with its folder.
 *
 * @throws {Error} where the URL cannot be used
 */
export function openDatabase(url: string, use: PostgresUse): Database {
  const engine = /^postgres(ql)?:/.test(url) ? postgresEngine(url, use) : sqliteEngine(url.replace(/^sqlite:/, ''))
  const database = new Kysely<Schema>({ dialect: engine.dialect })
  const migrations = migrationsOf(database, engine)
  const news = engine.newsOf(database)
  return {
    named: engine.named,
    isExposed: engine.isExposed,
    isUnverified: engine.isUnverified,
    lostTimeouts: () => engine.lostTimeouts(database),
    isShared: engine.isShared,
    store: storeOn(database, engine),
    news,
    migrations,
    upkeep: engine.upkeep(database),
    seed: (plan, onProgress) => seed(database, engine, plan, onProgress),
    assertReady: async () => {
      const due = await migrations.due()
      if (due.length > 0) throw new Error(`Cannot use this database: it lacks ${due.join(', ')}`)
    },
    close: async () => {
      await news.close()
      await database.destroy()
    },
  }
}

function storeOn(database: Kysely<Schema>, engine: Engine): Store {
  return {
    users: userStore(database),
    sessions: sessionStore(database, engine.tellEnds),
    refreshTokens: refreshTokenStore(database),
    revocations: revocationStore(database, engine),
    statusLists: statusListStore(database),
    restores: restoreStore(database, engine),
    audit: auditStore(database, engine),
    signingKeys: signingKeyStore(database),
    apiCredentials: apiCredentialStore(database),
    attempts: attemptStore(database),
    expiry: expiryStore(database),
    transaction: (work) => inTransaction(database, (inside) => work(storeOn(inside, engine))),
  }
}
