import { TokenError } from '@latchkey/verify'

/** Every way in which this API says no by itself; the guards say no to tokens, in the same shape. */
const refusals = {
  VALIDATION_ERROR: { status: 400, message: 'Invalid input' },
  NOT_FOUND: { status: 404, message: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, message: 'Method not allowed' },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'Request body too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, message: 'Content type must be application/json' },
  INTERNAL_ERROR: { status: 500, message: 'Internal error' },
} as const

export type RefusalCode = keyof typeof refusals

/** One fault in one field of the input. */
export type Detail = { field: string; issue: string }

/** A decision: the rules said no, and the caller may know. Everything else that is thrown is a fault. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly details: Detail[] | null

  constructor(code: RefusalCode, { details, cause }: { details?: Detail[]; cause?: unknown } = {}) {
    super(refusals[code].message, { cause })
    this.name = 'Refusal'
    this.code = code
    this.details = details ?? null
  }
}

/** Shapes whatever was thrown for its answer. Of a fault the caller learns nothing but the request id. */
export function problemOf(thrown: unknown, { requestId, now }: { requestId: string; now: number }) {
  const { status, code, message, details } = describe(thrown)
  return {
    status,
    body: {
      error: { code, message, details },
      meta: { timestamp: new Date(now).toISOString(), request_id: requestId },
    },
  }
}

function describe(thrown: unknown) {
  if (thrown instanceof TokenError) {
    return { status: thrown.status, code: thrown.code, message: thrown.message, details: null }
  }
  const { code, message, details } = thrown instanceof Refusal ? thrown : new Refusal('INTERNAL_ERROR')
  return { status: refusals[code].status, code, message, details }
}
