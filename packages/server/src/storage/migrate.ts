import type { Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import * as usersAndSessions from './migrations/0001-users-and-sessions.ts'
import * as apiCredentials from './migrations/0002-api-credentials.ts'
import * as restores from './migrations/0004-restores.ts'
import type { Schema } from './schema.ts'

/** Every migration, by the name under which it is recorded. One that has shipped is never edited. */
const migrations: Record<string, Migration> = {
  '0001-users-and-sessions': usersAndSessions,
  '0002-api-credentials': apiCredentials,
  '0004-restores': restores,
}

export type MigrationStatus = { name: string; appliedAt: string | undefined }

export type Migrations = {
  /**
   * Brings the database up to this program. Answers the names of what was done, empty where nothing was due.
   * @throws {Error} where the database is newer than the program, or a migration fails
   */
  up(): Promise<string[]>
  /** @throws {Error} where the database is newer than the program */
  status(): Promise<MigrationStatus[]>
}

export function migrationsOf(database: Kysely<Schema>): Migrations {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => migrations } })

  async function assertNotNewer(): Promise<void> {
    const tables = await database.introspection.getTables({ withInternalKyselyTables: true })
    if (!tables.some(({ name }) => name === 'kysely_migration')) return
    const applied = await database
      .withTables<{ kysely_migration: { name: string } }>()
      .selectFrom('kysely_migration')
      .select('name')
      .execute()
    const unknown = applied.map(({ name }) => name).filter((name) => !(name in migrations))
    if (unknown.length > 0) {
      throw new Error(
        `Cannot use this database: it is newer than this program, which does not know ${unknown.join(', ')}`,
      )
    }
  }

  return {
    up: async () => {
      await assertNotNewer()
      const { error, results = [] } = await migrator.migrateToLatest()
      if (error) throw new Error('Cannot migrate the database', { cause: error })
      return results.map(({ migrationName }) => migrationName)
    },
    status: async () => {
      await assertNotNewer()
      const infos = await migrator.getMigrations()
      return infos.map(({ name, executedAt }) => ({ name, appliedAt: executedAt?.toISOString() }))
    },
  }
}
