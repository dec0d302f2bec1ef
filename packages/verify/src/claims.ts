import { TokenError } from './token-error.ts'

/**
 * What a verified token says, under the names that stand in the token. Frozen.
 *
 * Tokens of profile `rfc9068` have no `email` or `sid` unless their issuer sets them; their `user_id` is `sub`.
 */
export interface AccessClaims {
  /** The user, a UUID in lower case. Every query of a resource API is filtered by it. */
  readonly user_id: string
  /** The address at the time of issue: it may have changed since, and is no key. */
  readonly email: string
  readonly sub: string
  readonly iss: string
  /** Issued at, in Unix seconds. */
  readonly iat: number
  /** Dead from this instant on, in Unix seconds. */
  readonly exp: number
  /** Not before this instant, in Unix seconds. */
  readonly nbf?: number
  readonly jti: string
  /** The session: revocation goes by it. */
  readonly sid: string
  readonly aud?: string | readonly string[]
  /** Which bit of which list tells whether the session was revoked. */
  readonly status?: unknown
  readonly [name: string]: unknown
}

export type Profile = 'latchkey' | 'rfc9068'

export interface ClaimRules {
  readonly issuer: string
  readonly audience: string | undefined
  readonly profile: Profile
  readonly clockToleranceSeconds: number
}

type Claims = Readonly<Record<string, unknown>>

/** An issuer's clock may run ahead of ours by this much; a lagging clock of ours must not refuse fresh tokens. */
const maxIssuerLeadSeconds = 60

/** An access token that lives longer is an issuer's mistake or a forgery. */
const maxLifetimeSeconds = 400 * 24 * 60 * 60

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * Checks the claims of a token whose signature has matched: presence and types first, then issuer and audience, then
 * the time (RFC 7519 4.1, RFC 9068 2.2 and 4).
 *
 * Times are whole Unix seconds; a fraction is refused. Strings are compared code point by code point. A token with an
 * audience is refused where none is configured (RFC 7519 4.1.3).
 * Does NOT check the signature, nor ask whether the session was revoked since: that is `verifier.ts`.
 *
 * @param nowSeconds Unix time, may have a fraction
 * @throws {TokenError} AUTH_INVALID_CLAIMS, AUTH_INVALID, AUTH_EXPIRED
 */
export function checkClaims(claims: Claims, rules: ClaimRules, nowSeconds: number): AccessClaims {
  const { exp, iat, nbf } = checkTypes(claims, rules.profile)
  if (claims['iss'] !== rules.issuer || !isForUs(claims['aud'], rules.audience)) throw new TokenError('AUTH_INVALID')
  if (exp <= iat || exp - iat > maxLifetimeSeconds) throw new TokenError('AUTH_INVALID')

  const latestStart = nowSeconds + maxIssuerLeadSeconds
  if (iat > latestStart || nbf > latestStart) throw new TokenError('AUTH_INVALID')
  if (nowSeconds >= exp + rules.clockToleranceSeconds) throw new TokenError('AUTH_EXPIRED')

  // A token of ours has it already, and a copy for each would be for nothing.
  const whole = rules.profile === 'rfc9068' ? { ...claims, user_id: claims['sub'] } : claims
  return freezeDeeply(whole) as AccessClaims
}

/** Between which instants, in Unix seconds, claims that have passed go on to pass. */
export function validityOf(
  { exp, iat, nbf = iat }: AccessClaims,
  { clockToleranceSeconds }: ClaimRules,
): { from: number; until: number } {
  return { from: Math.max(iat, nbf) - maxIssuerLeadSeconds, until: exp + clockToleranceSeconds }
}

/** @throws {TokenError} AUTH_INVALID_CLAIMS */
function checkTypes(claims: Claims, profile: Profile): { exp: number; iat: number; nbf: number } {
  const { exp, iat, nbf = iat, aud } = claims
  const isWellFormed =
    (profile === 'latchkey' ? hasLatchkeyClaims(claims) : hasRfc9068Claims(claims)) &&
    isText(claims['iss']) &&
    isText(claims['jti']) &&
    (aud === undefined || isText(aud) || isListOfTexts(aud))
  if (!isWellFormed || !isTime(exp) || !isTime(iat) || !isTime(nbf)) {
    throw new TokenError('AUTH_INVALID_CLAIMS')
  }
  return { exp, iat, nbf }
}

function hasLatchkeyClaims({ user_id, sub, email, sid }: Claims): boolean {
  return isUuid(user_id) && sub === user_id && isText(email) && isUuid(sid)
}

function hasRfc9068Claims({ sub, aud, client_id, sid }: Claims): boolean {
  return isText(sub) && aud !== undefined && isText(client_id) && (sid === undefined || isText(sid))
}

function isForUs(aud: unknown, audience: string | undefined): boolean {
  return aud === audience || (Array.isArray(aud) && aud.includes(audience))
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText)
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value)
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Claims are shared by everyone who handles the request: no one may change them for another. */
function freezeDeeply(value: object | null): object | null {
  for (const name in value) {
    const member = (value as Claims)[name]
    if (typeof member === 'object') freezeDeeply(member)
  }
  return Object.freeze(value)
}
