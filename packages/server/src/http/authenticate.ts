import { type AccessClaims, TokenError } from '@latchkey/verify'
import { authorizationOf, glimpseBearer, readBearer } from '@latchkey/verify/bearer'
import type { EventType } from '../domain/audit-event.ts'
import type { Caller, SessionId } from '../domain/session.ts'
import type { UserId } from '../domain/user.ts'
import type { HttpContext, HttpDeps } from './context.ts'
import { accessCookie } from './cookies.ts'
import { assertSameSite } from './same-site.ts'

/**
 * Who is calling, by the access token in the Authorization header or, where there is no such header, in the cookie.
 * Every refusal is counted in the audit log; one for a bad signature as a forgery. Whether the session still stands
 * in the database is for the flow to ask.
 *
 * @throws {TokenError} @throws {Refusal} AUTH_FORBIDDEN
 */
export async function authenticate(c: HttpContext, deps: HttpDeps): Promise<Caller> {
  try {
    const claims = await verify(c, deps)
    return { userId: claims.user_id as UserId, sessionId: claims.sid as SessionId }
  } catch (error) {
    if (error instanceof TokenError) {
      const type: EventType = error.code === 'AUTH_INVALID' ? 'token_forged' : 'token_refused'
      deps.refusals.count(c.get('origin'), { type, failureReason: error.code })
    }
    throw error
  }
}

/** At once where nothing must be waited for, as a guard does. */
function verify(c: HttpContext, { verifier, settings }: HttpDeps): AccessClaims | Promise<AccessClaims> {
  const credentials = { authorization: authorizationValues(c), url: c.req.url }
  const cookie = credentials.authorization.length === 0 ? accessCookie(c) : undefined
  if (cookie !== undefined) {
    assertSameSite(c, settings)
    return verifier.verify(cookie)
  }
  const claims = verifier.verifyNow(glimpseBearer(credentials) ?? readBearer(credentials))
  return claims ?? verifier.verify(readBearer(credentials))
}

/** Each Authorization header by itself: Node keeps the first of several in silence. */
function authorizationValues(c: HttpContext): string[] {
  const raw = c.env?.incoming?.rawHeaders
  if (raw) return authorizationOf(raw)
  const joined = c.req.header('authorization')
  return joined === undefined ? [] : [joined]
}
