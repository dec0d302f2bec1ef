import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { type Config, loadConfig } from '../config/load-config.ts'

/**
 * The settings of this process: its environment, and under it the file `.env` of the working directory.
 * @throws {ConfigError}
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const file = existsSync('.env') ? parseEnv(readFileSync('.env', 'utf8').replace(/^\ufeff/, '')) : {}
  // An empty variable counts as unset, so it hides nothing that the file says.
  const given = Object.entries(environment).filter(([, value]) => value !== '')
  return loadConfig({ ...file, ...Object.fromEntries(given) })
}
