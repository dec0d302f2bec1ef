import { Refusal } from '../domain/refusal.ts'
import type { HttpContext } from './context.ts'

/** Headers of which a second one makes a request mean two things; Node keeps the first in silence (RFC 9110, section 5.3). */
const singular = ['authorization', 'host', 'content-type', 'content-length', 'content-encoding', 'origin']

/**
 * Refuses what a framework no longer shows: a header that must stand once and stands twice, and a target with a NUL
 * or a second path in it. Sees only what the platform hands over.
 *
 * @throws {Refusal} VALIDATION_ERROR
 */
export function assertUnambiguous(c: HttpContext): void {
  const raw = c.env?.incoming?.rawHeaders ?? []
  const seen = new Set<string>()
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? ''
    if (!singular.includes(name)) continue
    if (seen.has(name)) throw twice(name)
    seen.add(name)
  }

  const target = c.env?.incoming?.url ?? '/'
  if (!target.startsWith('/') || target.startsWith('//')) {
    throw new Refusal('VALIDATION_ERROR', { details: [{ field: 'url', issue: 'Must be a path' }] })
  }
}

function twice(name: string): Refusal {
  return new Refusal('VALIDATION_ERROR', { details: [{ field: name, issue: 'Must be sent once' }] })
}
