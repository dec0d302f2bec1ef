import type { HttpContext } from './context.ts'
import type { HeaderFields } from './headers.ts'

type Body = ConstructorParameters<typeof Response>[0]

/** Sets headers of the answer to come, in place of those of the same names. */
export function setHeaders(c: HttpContext, fields: HeaderFields): void {
  Object.assign(c.get('headers'), fields)
}

/** Adds a cookie to the answer to come. */
export function addCookie(c: HttpContext, cookie: string): void {
  c.get('cookies').push(cookie)
}

/**
 * Answers with what was set on the way and the given headers. Hono's own ways to answer know nothing of these.
 *
 * They stay a plain record as long as they can: a `Headers` object, which Hono makes for each answer, checks, folds and
 * sorts names that we wrote ourselves, and costs a tenth of a refusal.
 */
export function answer(c: HttpContext, body: Body, status: number, fields: HeaderFields = {}): Response {
  const headers = { ...c.get('headers'), ...fields }
  return new Response(body, { status, headers: withCookies(headers, c.get('cookies')) })
}

/** A record cannot hold several of one name. */
function withCookies(fields: HeaderFields, cookies: readonly string[]): HeaderFields | Headers {
  if (cookies.length === 0) return fields
  const headers = new Headers(fields)
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return headers
}
