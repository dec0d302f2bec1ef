import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { envExample } from '../config/env-example.ts'
import { type Output, show } from './command.ts'

/** Prints a good JWT_SECRET. */
export function secret(output: Output): void {
  const fresh = newSecret()
  show(output, { secret: fresh }, fresh)
}

/** 384 random bits, as text that fits into any file and shell. */
function newSecret(): string {
  return randomBytes(48).toString('base64url')
}

/**
 * Writes `.env` into the working directory, as `.env.example` with a fresh secret, for its owner alone.
 * @throws {Error} where there is one already: it is never written over
 */
export function init(output: Output): void {
  const text = envExample().replace(/^JWT_SECRET=$/m, `JWT_SECRET=${newSecret()}`)
  try {
    writeFileSync('.env', text, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new Error(`Cannot write ".env"${isThere ? ': there is one already' : ''}`, { cause })
  }
  show(output, { wrote: '.env' }, 'Wrote .env with a fresh JWT_SECRET')
}
