import pg from 'pg'
import { Refusal } from '../domain/refusal.ts'
import { Conflict } from './conflict.ts'

/**
 * What may pass by itself, or is for whoever runs the database to mend: connections, resources, interventions, the
 * system, a read-only server, locks and time-outs (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const outages = ['08', '53', '57', '58', '25006', '25P03', '25P04', '55P03']
/** Serialization failure and deadlock: the server has undone the transaction, which may be tried again. */
const conflicts = ['40001', '40P01']
const permissionDenied = '42501'

/**
 * What an error of a statement means to the product, and no more of it than may be logged: the server's own error can
 * carry rows and parameters.
 */
export function translateStatementError(error: unknown, named: string): unknown {
  // Ours, or of the driver before anything was sent.
  if (error instanceof Refusal || error instanceof TypeError) return error
  if (!(error instanceof pg.DatabaseError)) return unavailable(error, named)

  const { code = '', message, constraint } = error
  if (conflicts.includes(code)) return new Conflict(message)
  if (outages.some((outage) => code.startsWith(outage))) return unavailable(error, named)
  if (code === permissionDenied) return new Error(cannotUse(named, message))
  return new Error(`Postgres refused a statement: ${message} (${code}${constraint ? `, ${constraint}` : ''})`)
}

/** The connection is of no more use: its server ended it, or did not answer. */
export function hasLostConnection(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.severity === 'FATAL' || error.severity === 'PANIC'
  return !(error instanceof TypeError)
}

/** @param named the database, as it may be shown */
export function unavailable(reason: unknown, named: string): Refusal {
  const why = reason instanceof Error ? reasonOf(reason) : String(reason)
  return new Refusal('UNAVAILABLE', { retryAfterSeconds: 1, cause: new Error(cannotUse(named, why)) })
}

function cannotUse(named: string, why: string): string {
  return `Cannot use DATABASE_URL "${named}": ${why}`
}

/** Of a host with several addresses Node tells each failure, and nothing on top. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ')
  return error.message
}
