import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  RouteHandlerMethod,
  RouteOptions,
} from 'fastify'
import { authorizationOf } from './bearer.ts'
import type { AccessClaims } from './claims.ts'
import { admit, admitOwner, type GuardedRequest, type Verdict } from './guard.ts'
import { healthOf } from './health.ts'
import type { Verifier } from './verifier.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the token says. There on guarded routes only. */
    claims: AccessClaims
  }
}

/**
 * A plugin that guards every route of the instance it is registered on: a request passes when it bears a valid token,
 * and `request.claims` is set.
 *
 * Does NOT compare the path with the token: for `/{user_id}/...` use `authenticateOwner`.
 */
export function authenticate(verifier: Verifier): FastifyPluginCallback {
  return guard((request, reply) => admit(verifier, describe(request, reply)))
}

/**
 * A plugin that guards every route of the instance it is registered on: a request passes when it bears a valid token
 * and the path's user id is the token's, letter for letter.
 *
 * A route without the parameter that is added after the plugin has loaded (`await app.register(...)`) throws at once;
 * one that was added earlier answers every request with 500 and goes no further. Requests that match no route need a
 * valid token too.
 */
export function authenticateOwner(verifier: Verifier, { parameter = 'user_id' } = {}): FastifyPluginCallback {
  const judge = (request: FastifyRequest, reply: FastifyReply) => {
    if (request.is404) return admit(verifier, describe(request, reply))
    const found = (request.params as Record<string, unknown>)[parameter]
    return admitOwner(verifier, describe(request, reply), found)
  }
  return guard(judge, (route) => assertHasParameter(route, parameter))
}

/** Answers a readiness probe with `healthOf`. Add the route to an instance that is not guarded. */
export function health(verifier: Verifier): RouteHandlerMethod {
  return async (_, reply) => {
    const { status, headers, body } = await healthOf(verifier)
    return reply.code(status).headers(headers).send(JSON.stringify(body))
  }
}

function guard(
  judge: (request: FastifyRequest, reply: FastifyReply) => Verdict | Promise<Verdict>,
  onRoute: (route: RouteOptions) => void = () => {},
): FastifyPluginCallback {
  const plugin = (app: FastifyInstance, _options: unknown, done: () => void) => {
    if (!app.hasRequestDecorator('claims')) app.decorateRequest('claims')
    app.addHook('onRoute', onRoute)
    app.addHook('onRequest', async (request, reply) => follow(request, reply, await judge(request, reply)))
    done()
  }
  // Without this mark Fastify would confine the hooks to the plugin, and the routes beside it would stand open.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

async function follow(request: FastifyRequest, reply: FastifyReply, { claims, problem }: Verdict) {
  if (problem) return reply.code(problem.status).headers(problem.headers).send(JSON.stringify(problem.body))
  request.claims = claims
  return undefined
}

function assertHasParameter({ method, url }: RouteOptions, parameter: string): void {
  const names = url.split('/').map((segment) => /^:(\w+)/.exec(segment)?.[1])
  if (!names.includes(parameter)) {
    throw new Error(`Cannot guard the route "${method} ${url}": it has no parameter ":${parameter}"`)
  }
}

function describe(request: FastifyRequest, reply: FastifyReply): GuardedRequest {
  return {
    authorization: authorizationOf(request.raw.rawHeaders),
    url: request.originalUrl,
    findRequestId: () => reply.getHeader('x-request-id'),
  }
}
