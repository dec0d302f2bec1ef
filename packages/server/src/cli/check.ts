import { type Output, show } from './command.ts'
import { assertThereIsADatabase, openConfiguredDatabase } from './database.ts'
import { readConfig } from './environment.ts'

/**
 * Reads the whole database and tells what is wrong with it. Changes nothing.
 * @throws {Error} where something is wrong
 */
export async function check(output: Output): Promise<void> {
  const config = readConfig()
  assertThereIsADatabase(config)
  const database = openConfiguredDatabase(config)
  try {
    const { integrity, foreignKeys } = await database.upkeep.check()
    // A damaged file cannot be trusted in what it says of its migrations.
    const migrations = integrity.length > 0 ? [] : await database.migrations.status()
    const missing = migrations.filter(({ appliedAt }) => !appliedAt).map(({ name }) => name)
    show(
      output,
      { integrity, foreign_keys: foreignKeys, missing_migrations: missing },
      [lineOf('Integrity', integrity), lineOf('Foreign keys', foreignKeys), lineOf('Migrations', missing)].join('\n'),
    )
    if (integrity.length > 0) throw new Error('The database is damaged: restore a backup')
    if (foreignKeys.length > 0) throw new Error('The database has rows that point to nothing: restore a backup')
    if (missing.length > 0) throw new Error('The database lacks migrations: run latchkey migrate')
  } finally {
    await database.close()
  }
}

function lineOf(what: string, findings: string[]): string {
  const [first = 'ok', ...rest] = findings
  return [`${what.padEnd(14)}${first}`, ...rest.map((finding) => `${' '.repeat(14)}${finding}`)].join('\n')
}
