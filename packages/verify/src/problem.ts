import { challengeFor } from './bearer.ts'
import type { TokenError } from './token-error.ts'

/** The body of every error answer: one shape, whoever refuses. */
export interface ProblemBody {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details: readonly ProblemDetail[] | null
  }
  readonly meta: {
    /** ISO 8601 in UTC, with milliseconds. */
    readonly timestamp: string
    readonly request_id: string
  }
}

export interface ProblemDetail {
  readonly field: string
  readonly issue: string
}

/** An error answer, ready for any framework. */
export interface Problem {
  readonly status: 400 | 401 | 403 | 500 | 503
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ProblemBody
}

export interface ProblemText {
  readonly code: string
  readonly message: string
  readonly details?: readonly ProblemDetail[] | undefined
  readonly requestId: string
  /** Unix milliseconds. */
  readonly now: number
}

/** Shapes an error for its answer. Does NOT choose a status, and shows the message as it is. */
export function problemBody({ code, message, details, requestId, now }: ProblemText): ProblemBody {
  return {
    error: { code, message, details: details && details.length > 0 ? details : null },
    meta: { timestamp: new Date(now).toISOString(), request_id: requestId },
  }
}

/** How long a client should stay away while the verifier catches up. */
const retryAfterSeconds = 1

/**
 * The answer to a request whose token was refused: never cached, with the challenge of RFC 6750 3 where one belongs.
 *
 * @param context.requestId a UUID
 * @param context.now Unix milliseconds
 */
export function tokenProblem(error: TokenError, { requestId, now }: { requestId: string; now: number }): Problem {
  const challenge = challengeFor(error)
  return {
    status: error.status,
    headers: {
      ...plainHeaders(requestId),
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(error.status === 503 ? { 'retry-after': String(retryAfterSeconds) } : {}),
    },
    body: problemBody({ code: error.code, message: error.message, requestId, now }),
  }
}

/** The answer to a request on a route that was put together wrongly: 500 `INTERNAL_ERROR`, nothing more. */
export function internalProblem({ requestId, now }: { requestId: string; now: number }): Problem {
  return {
    status: 500,
    headers: plainHeaders(requestId),
    body: problemBody({ code: 'INTERNAL_ERROR', message: 'Internal error', requestId, now }),
  }
}

function plainHeaders(requestId: string): Record<string, string> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-request-id': requestId,
  }
}
