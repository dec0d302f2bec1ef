import type { Context, MiddlewareHandler } from 'hono'
import { authorizationOf } from './bearer.ts'
import type { AccessClaims } from './claims.ts'
import { describeFetch } from './fetch.ts'
import { admit, admitOwner, type GuardedRequest, type Verdict } from './guard.ts'
import type { Verifier } from './verifier.ts'

export { health } from './health.ts'

/** For `new Hono<{ Variables: LatchkeyVariables }>()`: what the guards set. */
export interface LatchkeyVariables {
  claims: AccessClaims
}

type Env = { Variables: LatchkeyVariables }

/**
 * Lets a request pass when it bears a valid token, and sets `c.get('claims')`.
 *
 * Does NOT compare the path with the token: for `/{user_id}/...` use `authenticateOwner`.
 */
export function authenticate(verifier: Verifier): MiddlewareHandler<Env> {
  return (context, next) => follow(context, next, admit(verifier, describe(context)))
}

/**
 * Lets a request pass when it bears a valid token and the path's user id is the token's, letter for letter.
 *
 * Register it on a path that has the parameter, such as `app.use('/api/:user_id/*', ...)`: Hono shows a middleware
 * only the parameters of its own path. Where it is missing every request is answered with 500 and goes no further.
 */
export function authenticateOwner(verifier: Verifier, { parameter = 'user_id' } = {}): MiddlewareHandler<Env> {
  return (context, next) => {
    const found = context.req.param(parameter)
    return follow(context, next, admitOwner(verifier, describe(context), found))
  }
}

/** Not an async function: what stands between a known token and its handler would be most of the check's cost. */
function follow(
  context: Context<Env>,
  next: () => Promise<void>,
  verdict: Verdict | Promise<Verdict>,
): ReturnType<MiddlewareHandler<Env>> {
  if (verdict instanceof Promise) return verdict.then((awaited) => follow(context, next, awaited))
  const { claims, problem } = verdict
  if (problem) return Promise.resolve(context.body(JSON.stringify(problem.body), problem.status, problem.headers))
  context.set('claims', claims)
  // Hono takes what a middleware gives for its answer, and `next` gives the context: a handler that forgot to answer
  // would pass for one that did.
  return next().then(nothing)
}

function nothing(): void {}

/** On Node the request as it came; elsewhere what the runtime made of it. */
function describe(context: Context<Env>): GuardedRequest {
  // To ask makes Hono prepare an answer, which costs more than all the rest of the check.
  const findRequestId = () => context.res.headers.get('x-request-id')
  const incoming = incomingOf(context.env)
  if (incoming) return { authorization: authorizationOf(incoming.rawHeaders), url: incoming.url, findRequestId }

  return { ...describeFetch(context.req.raw), findRequestId }
}

/** The Node request that @hono/node-server hands on. */
function incomingOf(env: unknown): { rawHeaders: string[]; url: string } | undefined {
  const incoming = typeof env === 'object' && env !== null && 'incoming' in env ? env.incoming : undefined
  if (typeof incoming !== 'object' || incoming === null) return undefined
  if (!('rawHeaders' in incoming) || !('url' in incoming)) return undefined
  const { rawHeaders, url } = incoming
  return Array.isArray(rawHeaders) && typeof url === 'string' ? { rawHeaders, url } : undefined
}
