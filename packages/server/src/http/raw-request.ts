import { Refusal } from '../domain/refusal.ts'
import type { HttpContext } from './context.ts'

/** Headers of which a second one makes a request mean two things; Node keeps the first in silence (RFC 9110, section 5.3). */
const singular = ['authorization', 'host', 'content-type', 'content-length', 'content-encoding', 'origin']

/** What a URL parser, which costs much more, would leave as it is: no segment is empty or begins with a dot, nothing is encoded. */
const plainPath = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+$/
const plainUrl = /^https?:\/\/[A-Za-z0-9.:[\]-]+((?:\/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+)(?:\?[^#]*)?$/

/**
 * Refuses what a framework no longer shows: a header that must stand once and stands twice, and a target that reads
 * as one path and resolves to another (`..` and `%2e%2e`, a backslash, a fragment, a second host). Sees only what the
 * platform hands over.
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

  const [path = '/'] = c.env?.incoming?.url?.split('?', 1) ?? []
  if (plainPath.test(path)) return
  if (path.startsWith('//') || /%00/.test(path) || URL.parse(path, 'http://localhost')?.pathname !== path) {
    throw new Refusal('VALIDATION_ERROR', { details: [{ field: 'url', issue: 'Must be a path' }] })
  }
}

/**
 * No path of ours has an escape in it. One that has is not decoded, so that nobody here reads another path than a proxy
 * did: it names nothing.
 *
 * @throws {Refusal} NOT_FOUND
 */
export function assertPlainPath(c: HttpContext): void {
  if (c.get('path').includes('%')) throw new Refusal('NOT_FOUND')
}

/** The path as it was sent, percent-encoded: decoded, it could break a line of the log. */
export function pathOf({ req: { url } }: HttpContext): string {
  return plainUrl.exec(url)?.[1] ?? new URL(url).pathname
}

function twice(name: string): Refusal {
  return new Refusal('VALIDATION_ERROR', { details: [{ field: name, issue: 'Must be sent once' }] })
}
