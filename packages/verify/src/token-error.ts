/** Every way in which a token, or the verifier itself, can say no: its status and what the caller may read. */
export const tokenErrors = {
  AUTH_MISSING: { status: 401, message: 'Authentication required' },
  AUTH_INVALID: { status: 401, message: 'Invalid or expired token' },
  AUTH_EXPIRED: { status: 401, message: 'Invalid or expired token' },
  AUTH_REVOKED: { status: 401, message: 'Invalid or expired token' },
  AUTH_INVALID_CLAIMS: { status: 401, message: 'Invalid token format' },
  AUTH_FORBIDDEN: { status: 403, message: 'Access denied' },
  VALIDATION_ERROR: { status: 400, message: 'Invalid input' },
  VERIFIER_UNAVAILABLE: { status: 503, message: 'Service busy. Try again later.' },
  REVOCATIONS_STALE: { status: 503, message: 'Service busy. Try again later.' },
} as const

export type TokenErrorCode = keyof typeof tokenErrors

/**
 * The refusal of a request because of its token, or of what the verifier needs to judge one.
 *
 * `message` is fixed for each code and safe to show. Nothing in it, nor in `cause`, quotes the token.
 */
export class TokenError extends Error {
  readonly code: TokenErrorCode
  /** The HTTP status that fits. */
  readonly status: 400 | 401 | 403 | 503

  constructor(code: TokenErrorCode, options?: { cause?: unknown }) {
    super(tokenErrors[code].message, options)
    this.name = 'TokenError'
    this.code = code
    this.status = tokenErrors[code].status
  }
}
