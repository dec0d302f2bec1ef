import { Refusal } from '../domain/refusal.ts'
import type { HttpContext } from './context.ts'

/**
 * The named parameters of the query. Others are ignored; one that comes twice means two things.
 * @throws {Refusal} VALIDATION_ERROR
 */
export function readQuery(c: HttpContext, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of names) {
    const [value, ...more] = c.req.queries(name) ?? []
    if (more.length > 0) {
      throw new Refusal('VALIDATION_ERROR', { details: [{ field: name, issue: 'Must be sent once' }] })
    }
    if (value !== undefined) found[name] = value
  }
  return found
}
