import { assembleCore, type Core } from './core.ts'
import { assertThereIsADatabase } from './database.ts'
import { readConfig } from './environment.ts'
import { createLog } from './log.ts'

/**
 * Does the work of a command on a database that is there, beside a server that may run on it. Makes no database.
 * @throws {Error} where there is none, or one that lacks a migration
 */
export async function inMigratedHouse(work: (house: Core) => Promise<void>): Promise<void> {
  const config = readConfig()
  assertThereIsADatabase(config)

  const house = assembleCore(config, { log: createLog('error') })
  try {
    await house.assertMigrated()
    await work(house)
  } finally {
    await house.close()
  }
}
