import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { authorizationOf } from './bearer.ts'
import type { AccessClaims } from './claims.ts'
import { admit, admitOwner, type GuardedRequest, type Verdict } from './guard.ts'
import { healthOf } from './health.ts'
import type { Verifier } from './verifier.ts'

declare global {
  namespace Express {
    interface Request {
      /** What the token says. There on guarded routes only. */
      claims: AccessClaims
    }
  }
}

/**
 * Lets a request pass when it bears a valid token, and sets `request.claims`. For Express 4 and 5.
 *
 * Does NOT compare the path with the token: for `/{user_id}/...` use `authenticateOwner`.
 */
export function authenticate(verifier: Verifier): RequestHandler {
  return (request, response, next) => {
    follow(request, response, next, admit(verifier, describe(request, response)))
  }
}

/**
 * Lets a request pass when it bears a valid token and the path's user id is the token's, letter for letter.
 *
 * Use it where `request.params` has the parameter: on a route, or `app.use('/api/:user_id', ...)`, or in a router made
 * with `mergeParams`. Where it is missing every request is answered with 500 and goes no further.
 */
export function authenticateOwner(verifier: Verifier, { parameter = 'user_id' } = {}): RequestHandler {
  return (request, response, next) => {
    const found = request.params[parameter]
    follow(request, response, next, admitOwner(verifier, describe(request, response), found))
  }
}

/** Answers a readiness probe with `healthOf`. Put it before the guards, or on a path that none covers. */
export function health(verifier: Verifier): RequestHandler {
  return (_, response, next) => {
    healthOf(verifier).then(({ status, headers, body }) => {
      response.status(status).set(headers).send(JSON.stringify(body))
    }, next)
  }
}

function follow(request: Request, response: Response, next: NextFunction, verdict: Verdict | Promise<Verdict>): void {
  if (verdict instanceof Promise) {
    verdict.then((awaited) => follow(request, response, next, awaited), next)
    return
  }
  const { claims, problem } = verdict
  if (problem) {
    response.status(problem.status).set(problem.headers).send(JSON.stringify(problem.body))
    return
  }
  request.claims = claims
  next()
}

function describe(request: Request, response: Response): GuardedRequest {
  return {
    authorization: authorizationOf(request.rawHeaders),
    url: request.originalUrl,
    findRequestId: () => response.getHeader('x-request-id'),
  }
}
