import type { VerifierOptions } from '@latchkey/verify'

export type Settings = {
  host: string
  port: number
  /** Path of the database, or `:memory:`. */
  database: string
  verifier: VerifierOptions
}

/**
 * Reads the settings from strings; an empty one counts as unset. What the verifier is given, the verifier checks.
 *
 * @throws {Error} which names the variable
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const read = (name: string) => environment[name] || undefined
  const secret = read('JWT_SECRET')
  const audience = read('JWT_AUDIENCE')
  return {
    host: read('HOST') ?? '127.0.0.1',
    port: readPort(read('PORT') ?? '8001'),
    database: read('TASKS_DB') ?? 'data/tasks.db',
    verifier: {
      issuer: read('ISSUER') ?? 'http://localhost:8000',
      ...(secret === undefined ? {} : { secret }),
      ...(audience === undefined ? {} : { audience }),
    },
  }
}

function readPort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new Error(`Cannot start: PORT must be a whole number from 0 to 65535: it is ${JSON.stringify(text)}`)
}
