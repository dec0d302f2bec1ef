import type { Context, Handler, Input, MiddlewareHandler, Next } from 'hono'
import type { BlankInput, HandlerResponse } from 'hono/types'
import { authorizationOf } from './bearer.ts'
import type { AccessClaims } from './claims.ts'
import { describeFetch } from './fetch.ts'
import { admit, admitOwner, type GuardedRequest, type Verdict } from './guard.ts'
import type { Problem } from './problem.ts'
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
  return withAuthentication(verifier, pass)
}

/**
 * Lets a request pass when it bears a valid token and the path's user id is the token's, letter for letter.
 *
 * Register it on a path that has the parameter, such as `app.use('/api/:user_id/*', ...)`: Hono shows a middleware
 * only the parameters of its own path. Where it is missing every request is answered with 500 and goes no further.
 */
export function authenticateOwner(verifier: Verifier, options?: { parameter?: string }): MiddlewareHandler<Env> {
  return withOwnerAuthentication(verifier, pass, options)
}

/**
 * Hono takes what a middleware gives for its answer, and `next` gives the context: a handler that forgot to answer would
 * pass for one that did.
 */
function pass(_: Context, next: Next): Promise<void> {
  return next().then(nothing)
}

function nothing(): void {}

/**
 * Wraps the handler of a route, which is called when the request bears a valid token: `c.get('claims')` is set and typed.
 *
 * Judges and refuses as `authenticate` does; a route without any middleware Hono calls directly. Does NOT guard other
 * routes or methods of the same path, and does NOT compare the path with the token: for `/{user_id}/...` use
 * `withOwnerAuthentication`.
 */
export function withAuthentication<
  E extends Env = Env,
  P extends string = string,
  I extends Input = BlankInput,
  R extends HandlerResponse<unknown> = Response,
>(verifier: Verifier, handler: Handler<E, P, I, R>): Handler<E, P, I, R> {
  return guard(handler, (context) => admit(verifier, describe(context)))
}

/**
 * Wraps the handler of a route, which is called when the request bears a valid token and the path's user id is the
 * token's, letter for letter. Otherwise as `withAuthentication`.
 *
 * Where the route's own path has no such parameter every request is answered with 500 and goes no further.
 */
export function withOwnerAuthentication<
  E extends Env = Env,
  P extends string = string,
  I extends Input = BlankInput,
  R extends HandlerResponse<unknown> = Response,
>(verifier: Verifier, handler: Handler<E, P, I, R>, { parameter = 'user_id' } = {}): Handler<E, P, I, R> {
  return guard(handler, (context) => {
    const found = context.req.param(parameter)
    return admitOwner(verifier, describe(context), found)
  })
}

type Judge = (context: Context<Env>) => Verdict | Promise<Verdict>

/** Typed as the handler it guards: to Hono's typed client a refusal is no answer of the route, as with a middleware. */
function guard<
  E extends Env = Env,
  P extends string = string,
  I extends Input = BlankInput,
  R extends HandlerResponse<unknown> = Response,
>(handler: Handler<E, P, I, R>, judge: Judge): Handler<E, P, I, R> {
  const guarded: Handler = (context, next) => follow(context, next, handler as Handler, judge(context))
  return guarded
}

/** Not an async function: what stands between a known token and its handler would be most of the check's cost. */
function follow(
  context: Context<Env>,
  next: Next,
  handler: Handler<Env>,
  verdict: Verdict | Promise<Verdict>,
): ReturnType<Handler<Env>> {
  if (verdict instanceof Promise) return verdict.then((awaited) => follow(context, next, handler, awaited))
  const { claims, problem } = verdict
  if (problem) return Promise.resolve(refuse(context, problem))
  context.set('claims', claims)
  return handler(context, next)
}

function refuse(context: Context<Env>, { status, headers, body }: Problem): Response {
  // Not handed to `body`: what a middleware before has set by `header` would then stand in their place, also of `no-store`.
  for (const [name, value] of Object.entries(headers)) context.header(name, value)
  return context.body(JSON.stringify(body), status)
}

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
