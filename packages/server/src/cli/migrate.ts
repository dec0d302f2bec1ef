import { existsSync } from 'node:fs'
import type { Database } from '../storage/open-store.ts'
import { type Output, show } from './command.ts'
import { databaseFile, openConfiguredDatabase } from './database.ts'
import { readConfig } from './environment.ts'

/** Brings the database up to this program. */
export async function migrateUp(output: Output): Promise<void> {
  const database = openConfiguredDatabase(readConfig())
  try {
    const applied = await database.migrations.up()
    show(
      output,
      { applied },
      applied.length > 0 ? `Applied ${applied.join(', ')}` : 'Nothing to do: the database is up to date',
    )
  } finally {
    await database.close()
  }
}

/** Prints the SQL that brings the database up to this program, and changes nothing: a file that is missing is not made. */
export async function migratePlan(output: Output): Promise<void> {
  const database = openToLook()
  try {
    const statements = await database.migrations.plan()
    const lines = statements.map((statement) => `${statement};`)
    show(output, { statements }, lines.join('\n') || '-- Nothing to do: the database is up to date')
  } finally {
    await database.close()
  }
}

/** Tells which migrations the database has. A file that is missing has none, and is not made. */
export async function migrateStatus(output: Output): Promise<void> {
  const database = openToLook()
  try {
    const migrations = await database.migrations.status()
    const lines = migrations.map(({ name, appliedAt }) => `${name}  ${appliedAt ?? 'pending'}`)
    show(
      output,
      { migrations: migrations.map(({ name, appliedAt }) => ({ name, applied_at: appliedAt ?? null })) },
      lines.join('\n'),
    )
  } finally {
    await database.close()
  }
}

/** In place of a file that is missing, and would be made, nothing at all. */
function openToLook(): Database {
  const config = readConfig()
  const path = databaseFile(config)
  const isMissing = path !== undefined && !existsSync(path)
  return openConfiguredDatabase(isMissing ? { ...config, DATABASE_URL: 'sqlite::memory:' } : config)
}
