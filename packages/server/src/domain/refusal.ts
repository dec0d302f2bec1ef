/** Every way in which the rules can say no, with the words the caller is told. Codes are public: added, never renamed. */
export const refusals = {
  AUTH_MISSING: 'Authentication required',
  AUTH_INVALID: 'Invalid or expired token',
  AUTH_EXPIRED: 'Invalid or expired token',
  AUTH_REVOKED: 'Invalid or expired token',
  AUTH_INVALID_CLAIMS: 'Invalid token format',
  AUTH_FAILED: 'Invalid credentials',
  AUTH_REFRESH_INVALID: 'Invalid refresh token',
  AUTH_API_INVALID: 'Invalid API credential',
  AUTH_FORBIDDEN: 'Access denied',
  CONFLICT_EMAIL: 'Email already registered',
  CONFLICT_NAME: 'Name already taken',
  VALIDATION_PASSWORD: 'Password does not meet requirements',
  VALIDATION_ERROR: 'Invalid input',
  NOT_FOUND: 'Not found',
  METHOD_NOT_ALLOWED: 'Method not allowed',
  NOT_IMPLEMENTED: 'Not implemented',
  REQUEST_TIMEOUT: 'Request took too long',
  PAYLOAD_TOO_LARGE: 'Request body too large',
  UNSUPPORTED_MEDIA_TYPE: 'Content type not supported',
  EXPECTATION_FAILED: 'Expectation cannot be met',
  HEADERS_TOO_LARGE: 'Request headers too large',
  RATE_LIMIT_EXCEEDED: 'Too many requests. Try again later.',
  OVERLOADED: 'Service busy. Try again later.',
  UNAVAILABLE: 'Service unavailable. Try again later.',
  INTERNAL_ERROR: 'Internal error',
} as const

export type RefusalCode = keyof typeof refusals

/** One fault in one field of the input. `issue` is for people, and never repeats what was sent. */
export type Detail = { field: string; issue: string }

/** How much of a limit is left, and when it is whole again. */
export type Quota = { name: string; limit: number; windowSeconds: number; remaining: number; resetSeconds: number }

type RefusalOptions = { details?: Detail[]; retryAfterSeconds?: number; quota?: Quota; cause?: unknown }

/**
 * A decision: the rules said no, and the caller may know.
 * Everything else that is thrown is a fault, of which the caller learns nothing but the request id.
 */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly details: Detail[] | undefined
  readonly retryAfterSeconds: number | undefined
  readonly quota: Quota | undefined

  constructor(code: RefusalCode, { details, retryAfterSeconds, quota, cause }: RefusalOptions = {}) {
    // Where a decision was made nobody asks, and to note it costs more than the decision.
    const framesNoted = Error.stackTraceLimit
    Reflect.set(Error, 'stackTraceLimit', 0)
    super(refusals[code], { cause })
    Reflect.set(Error, 'stackTraceLimit', framesNoted)
    this.name = 'Refusal'
    this.code = code
    this.details = details
    this.retryAfterSeconds = retryAfterSeconds
    this.quota = quota
  }
}
