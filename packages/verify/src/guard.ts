import { randomUUID } from 'node:crypto'
import { type Credentials, glimpseBearer, readBearer } from './bearer.ts'
import type { AccessClaims } from './claims.ts'
import { isOwner } from './owner.ts'
import { internalProblem, type Problem, tokenProblem } from './problem.ts'
import { TokenError } from './token-error.ts'
import type { Verifier } from './verifier.ts'

/** A request as every adapter describes it. */
export interface GuardedRequest extends Credentials {
  /** Finds the id that the answer already bears, if it is a UUID; another is made where there is none. Asked for refusals. */
  readonly findRequestId: () => unknown
}

export type Verdict =
  | { readonly claims: AccessClaims; readonly problem?: undefined }
  | { readonly claims?: undefined; readonly problem: Problem }

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Judges a request by its token alone: at once, unless something must be waited for. A refusal becomes the answer to
 * send; a fault is thrown.
 *
 * Does NOT ask whose data the request is about: that is `admitOwner`.
 */
export function admit(verifier: Verifier, request: GuardedRequest): Verdict | Promise<Verdict> {
  try {
    const claims = verifier.verifyNow(glimpseBearer(request) ?? readBearer(request))
    return claims === undefined ? admitWaiting(verifier, request, readBearer(request)) : { claims }
  } catch (error) {
    return refuse(error, request)
  }
}

async function admitWaiting(verifier: Verifier, request: GuardedRequest, token: string): Promise<Verdict> {
  try {
    return { claims: await verifier.verify(token) }
  } catch (error) {
    return refuse(error, request)
  }
}

function refuse(error: unknown, request: GuardedRequest): Verdict {
  if (!(error instanceof TokenError)) throw error
  return { problem: tokenProblem(error, contextOf(request)) }
}

/**
 * Judges a request by its token and by the user id in its path. A refusal becomes the answer to send.
 *
 * @param parameter what the router found for the user id; anything but text means that the route has no such
 *   parameter, and nobody is admitted: 500
 */
export function admitOwner(
  verifier: Verifier,
  request: GuardedRequest,
  parameter: unknown,
): Verdict | Promise<Verdict> {
  if (typeof parameter !== 'string') return { problem: internalProblem(contextOf(request)) }

  const verdict = admit(verifier, request)
  if (verdict instanceof Promise) return verdict.then((awaited) => narrowToOwner(awaited, request, parameter))
  return narrowToOwner(verdict, request, parameter)
}

function narrowToOwner(verdict: Verdict, request: GuardedRequest, parameter: string): Verdict {
  if (verdict.problem || isOwner({ url: request.url, parameter }, verdict.claims.user_id)) return verdict
  return { problem: tokenProblem(new TokenError('AUTH_FORBIDDEN'), contextOf(request)) }
}

function contextOf({ findRequestId }: GuardedRequest): { requestId: string; now: number } {
  const found = findRequestId()
  return { requestId: typeof found === 'string' && uuid.test(found) ? found : randomUUID(), now: Date.now() }
}
