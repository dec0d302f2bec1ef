import { type Output, show } from './command.ts'
import { openConfiguredDatabase } from './database.ts'
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

/** Tells which migrations the database has. */
export async function migrateStatus(output: Output): Promise<void> {
  const database = openConfiguredDatabase(readConfig())
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
