import { TokenError } from '@latchkey/verify'
import { challengeFor } from '@latchkey/verify/bearer'
import { problemBody } from '@latchkey/verify/problem'
import { type Quota, Refusal, type RefusalCode, refusals } from '../domain/refusal.ts'
import type { HeaderFields } from './headers.ts'

/** The HTTP status of every refusal. The only place that knows. */
const statusOf = {
  AUTH_MISSING: 401,
  AUTH_INVALID: 401,
  AUTH_EXPIRED: 401,
  AUTH_REVOKED: 401,
  AUTH_INVALID_CLAIMS: 401,
  AUTH_FAILED: 401,
  AUTH_REFRESH_INVALID: 401,
  AUTH_API_INVALID: 401,
  AUTH_FORBIDDEN: 403,
  CONFLICT_EMAIL: 409,
  CONFLICT_NAME: 409,
  VALIDATION_PASSWORD: 400,
  VALIDATION_ERROR: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_IMPLEMENTED: 501,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  EXPECTATION_FAILED: 417,
  HEADERS_TOO_LARGE: 431,
  RATE_LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
} as const satisfies Record<RefusalCode, number>

export type ProblemStatus = (typeof statusOf)[RefusalCode]

/** An error answer, whoever writes it out. */
export type Problem = { status: ProblemStatus; headers: HeaderFields; body: string }

type ProblemContext = { requestId: string; now: number }

/**
 * Shapes whatever was thrown into the one error answer. A refusal says what it is; everything else is a fault, of
 * which the caller learns nothing but the request id.
 */
export function problemOf(thrown: unknown, { requestId, now }: ProblemContext): Problem {
  const refusal = refusalOf(thrown)
  const { code, message, details } = refusal
  return {
    status: statusOf[code],
    headers: {
      'content-type': 'application/json; charset=utf-8',
      ...challengeHeader(refusal),
      ...waitHeaders(refusal),
    },
    body: JSON.stringify(problemBody({ code, message, details, requestId, now })),
  }
}

/** Says whether this is a decision; what is not is a fault, and belongs in the log. */
export function isRefusal(thrown: unknown): thrown is Refusal | TokenError {
  return thrown instanceof Refusal || thrown instanceof TokenError
}

/** A token error of the verifier, told in our codes; a verifier that cannot judge is a service that is not there. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  if (!(thrown instanceof TokenError)) return new Refusal('INTERNAL_ERROR', { cause: thrown })
  const isOurs = (code: string): code is RefusalCode => code in refusals
  if (isOurs(thrown.code)) return new Refusal(thrown.code, { cause: thrown })
  return new Refusal('UNAVAILABLE', { cause: thrown, retryAfterSeconds: 1 })
}

/** What an API may show (RFC 7617); Bearer is the other way. */
const apiChallenge = 'Basic realm="latchkey", charset="UTF-8"'

const bearerChallenge = 'Bearer realm="latchkey"'

/** RFC 6750, section 3: a challenge with every 401, and with the 400 of credentials that come twice. */
function challengeHeader({ code, cause }: Refusal): HeaderFields {
  const challenge = cause instanceof TokenError ? challengeFor(cause) : undefined
  if (code === 'AUTH_API_INVALID') return { 'www-authenticate': `${apiChallenge}, ${challenge ?? bearerChallenge}` }
  if (challenge) return { 'www-authenticate': challenge }
  if (code === 'AUTH_REVOKED') return { 'www-authenticate': challengeFor(new TokenError('AUTH_REVOKED')) ?? 'Bearer' }
  return statusOf[code] === 401 ? { 'www-authenticate': bearerChallenge } : {}
}

function waitHeaders({ retryAfterSeconds, quota }: Refusal): HeaderFields {
  return {
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    ...(quota ? quotaHeaders(quota) : {}),
  }
}

/** draft-ietf-httpapi-ratelimit-headers-10: the policy, and what is left of it. */
function quotaHeaders({ name, limit, windowSeconds, remaining, resetSeconds }: Quota): HeaderFields {
  return {
    'ratelimit-policy': `"${name}";q=${limit};w=${windowSeconds}`,
    ratelimit: `"${name}";r=${remaining};t=${resetSeconds}`,
  }
}
