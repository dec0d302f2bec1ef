import { type Output, show } from './command.ts'
import { assertThereIsADatabase, openConfiguredDatabase } from './database.ts'
import { readConfig } from './environment.ts'

/** Copies the database into a new file, also while a server runs on it. */
export async function backup(output: Output, file: string): Promise<void> {
  const config = readConfig()
  assertThereIsADatabase(config)
  const database = openConfiguredDatabase(config)
  try {
    const bytes = await database.upkeep.backUp(file)
    show(output, { wrote: file, bytes }, `Wrote ${file} (${bytes} bytes)\nThe master key is not in it: keep it apart`)
  } finally {
    await database.close()
  }
}
