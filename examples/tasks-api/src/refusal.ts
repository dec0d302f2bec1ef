import { TokenError } from '@latchkey/verify'
import { type ProblemDetail, problemBody } from '@latchkey/verify/problem'

/** Every way in which this API says no by itself; the guards say no to tokens, in the same shape. */
const refusals = {
  VALIDATION_ERROR: { status: 400, message: 'Invalid input' },
  NOT_FOUND: { status: 404, message: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, message: 'Method not allowed' },
  REQUEST_TIMEOUT: { status: 408, message: 'Request took too long' },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'Request body too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, message: 'Content type must be application/json' },
  HEADERS_TOO_LARGE: { status: 431, message: 'Request headers too large' },
  INTERNAL_ERROR: { status: 500, message: 'Internal error' },
} as const

export type RefusalCode = keyof typeof refusals

/** A decision: the rules said no, and the caller may know. Everything else that is thrown is a fault. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly details: readonly ProblemDetail[] | undefined

  constructor(code: RefusalCode, { details, cause }: { details?: readonly ProblemDetail[]; cause?: unknown } = {}) {
    super(refusals[code].message, { cause })
    this.name = 'Refusal'
    this.code = code
    this.details = details
  }
}

/** Shapes whatever was thrown for its answer. Of a fault the caller learns nothing but the request id. */
export function problemOf(thrown: unknown, { requestId, now }: { requestId: string; now: number }) {
  const { status, code, message, details } = describe(thrown)
  return { status, body: problemBody({ code, message, details, requestId, now }) }
}

function describe(thrown: unknown) {
  if (thrown instanceof TokenError) {
    return { status: thrown.status, code: thrown.code, message: thrown.message, details: undefined }
  }
  const { code, message, details } = thrown instanceof Refusal ? thrown : new Refusal('INTERNAL_ERROR')
  return { status: refusals[code].status, code, message, details }
}
