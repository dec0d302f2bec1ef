import { existsSync } from 'node:fs'
import type { Config } from '../config/load-config.ts'
import { type Database, openDatabase } from '../storage/open-store.ts'

/**
 * Opens the database of a configuration. Nothing is connected or made before the first query. `patiently`: no statement
 * is cut off, however long it takes.
 */
export function openConfiguredDatabase(config: Config, { patiently = false } = {}): Database {
  return openDatabase(config.DATABASE_URL, {
    poolSize: config.DATABASE_POOL_SIZE,
    connectTimeoutSeconds: config.DATABASE_CONNECT_TIMEOUT,
    statementTimeoutSeconds: patiently ? undefined : config.DATABASE_STATEMENT_TIMEOUT,
    lockTimeoutSeconds: config.DATABASE_LOCK_TIMEOUT,
    requiresDurability: config.DATABASE_DURABILITY === 'required',
  })
}

/** The file of the database, where it is one. */
export function databaseFile({ DATABASE_URL }: Config): string | undefined {
  const path = /^sqlite:(.*)$/s.exec(DATABASE_URL)?.[1]
  return path === ':memory:' ? undefined : path
}

/** @throws {Error} where the file of the database is missing: it would be made, and be empty */
export function assertThereIsADatabase(config: Config): void {
  const path = databaseFile(config)
  if (path !== undefined && !existsSync(path)) {
    throw new Error(
      `Cannot open DATABASE_URL "${config.DATABASE_URL}": there is no such file: run latchkey migrate first`,
    )
  }
}
