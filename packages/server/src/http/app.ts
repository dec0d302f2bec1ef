import { setTimeout } from 'node:timers/promises'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { matchedRoutes } from 'hono/route'
import type { EventType } from '../domain/audit-event.ts'
import { Refusal, type RefusalCode } from '../domain/refusal.ts'
import { answer, setHeaders } from './answer.ts'
import type { HttpContext, HttpDeps, HttpEnv, HttpSettings } from './context.ts'
import { contractOf } from './contract.ts'
import { answerJson, type Endpoint } from './endpoint.ts'
import { transportSecurity } from './headers.ts'
import { labelHeaders } from './node-listener.ts'
import { arrivalReader } from './origin.ts'
import { fitsPattern, routerPath } from './path-pattern.ts'
import { isRefusal, problemOf, refusalOf } from './problem.ts'
import { assertPlainPath, assertUnambiguous, pathOf } from './raw-request.ts'
import { accountEndpoints } from './routes/account.ts'
import { docsEndpoints } from './routes/docs.ts'
import { metadataEndpoint, metadataOfPath } from './routes/metadata.ts'
import { healthEndpoints, metricsEndpoint } from './routes/operations.ts'
import { passwordEndpoints } from './routes/password.ts'
import { revocationEndpoints } from './routes/revocations.ts'
import { sessionListEndpoints } from './routes/session-list.ts'
import { sessionEndpoints } from './routes/sessions.ts'
import { statusListEndpoints } from './routes/status-lists.ts'
import { tokenEndpoints } from './routes/tokens.ts'
import { wellKnownEndpoints } from './routes/well-known.ts'

/**
 * Clients that ask again the moment they are refused would fill the event loop with refusals, and everyone else would wait
 * behind them. Short beside the seconds after which they are told to come back.
 */
const overloadPauseMilliseconds = 250

/** The whole front of the house as one `fetch` handler. */
export function createApp(deps: HttpDeps): Hono<HttpEnv> {
  const { settings } = deps
  const documented = endpointsOf(settings)
  const endpoints = [...documented, ...metadataOfPath(settings), ...docsOf(documented, settings)]
  const app = new Hono<HttpEnv>()

  app.use(observe(deps))
  const answersPreflights = settings.corsOrigins.length > 0
  if (answersPreflights) {
    // A preflight is answered without going further, so it is counted here; the others behind the headers that let a
    // browser read the refusal.
    app.use(async (c, next) => {
      if (c.req.method === 'OPTIONS') await deps.auth.admitRequest(c.get('origin'))
      await next()
    })
    app.use('/api/*', allowOrigins(settings))
  }
  app.use(async (c, next) => {
    if (!(answersPreflights && c.req.method === 'OPTIONS')) await deps.auth.admitRequest(c.get('origin'))
    assertUnambiguous(c)
    assertPlainPath(c)
    await next()
  })

  for (const { route, handle } of endpoints) app.on(route.method, routerPath(route.path), (c) => handle(c, deps))
  app.notFound((c) => refuse(c, deps, missing(c, endpoints)))
  app.onError(async (error, c) => {
    const thrown = await judge(error, deps)
    if (refusalOf(thrown).code === 'OVERLOADED') await setTimeout(overloadPauseMilliseconds)
    return refuse(c, deps, thrown)
  })
  return app
}

/** Every endpoint that the contract tells of. */
export function endpointsOf({ servesMetrics }: Pick<HttpSettings, 'servesMetrics'>): Endpoint[] {
  return [
    ...sessionEndpoints,
    ...accountEndpoints,
    ...passwordEndpoints,
    ...sessionListEndpoints,
    ...tokenEndpoints,
    ...wellKnownEndpoints,
    metadataEndpoint,
    ...statusListEndpoints,
    ...revocationEndpoints(),
    ...healthEndpoints,
    ...(servesMetrics ? [metricsEndpoint] : []),
  ]
}

function docsOf(documented: readonly Endpoint[], { servesDocs }: HttpSettings): Endpoint[] {
  if (!servesDocs) return []
  let contract: ReturnType<typeof contractOf> | undefined
  const openapi: Endpoint = {
    route: { method: 'get', path: '/openapi.json', hide: true, responses: {} },
    handle: (c) => {
      contract ??= contractOf(documented, '/')
      return answerJson(c, contract)
    },
  }
  return [openapi, ...docsEndpoints]
}

/** Gives each request its id and origin, each answer its headers, and the log and the metrics a line of both. */
function observe(deps: HttpDeps) {
  const readArrival = arrivalReader(deps.settings)

  return async (c: HttpContext, next: () => Promise<void>) => {
    const startedAt = performance.now()
    const { origin, isSecure } = readArrival(c, deps.newId())
    c.set('origin', origin)
    c.set('isSecure', isSecure)
    c.set('headers', labelHeaders(origin.requestId))
    c.set('cookies', [])
    const path = pathOf(c)
    c.set('path', path)
    if (isSecure) setHeaders(c, { 'strict-transport-security': transportSecurity })

    await next()

    const seconds = (performance.now() - startedAt) / 1000
    const { method } = c.req
    const { status } = c.res
    deps.metrics.observe({ method: knownMethod(method), route: routeOf(c), status, seconds })
    const fields = { request_id: origin.requestId, method, path, status, address: origin.address, seconds }
    deps.log.info(fields, 'Request answered')
  }
}

/** The pattern that answered, never the path: labels must be few. */
function routeOf(c: HttpContext): string {
  const route = matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))
  return route?.path ?? 'none'
}

function knownMethod(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other'
}

/** Exact origins only; with credentials, since the cookies are ours to read and `SameSite=Strict` to send. */
function allowOrigins({ corsOrigins }: HttpSettings) {
  return cors({
    origin: [...corsOrigins],
    credentials: true,
    allowMethods: ['GET', 'POST', 'DELETE'],
    allowHeaders: ['Authorization', 'Content-Type'],
    exposeHeaders: ['X-Request-Id', 'Retry-After', 'RateLimit', 'RateLimit-Policy'],
    maxAge: 600,
  })
}

/** A path that is there under other methods says which (RFC 9110, section 15.5.6). */
function missing(c: HttpContext, endpoints: readonly Endpoint[]): Refusal {
  const methods = endpoints
    .filter(({ route }) => fitsPattern(route.path, c.req.path))
    .map(({ route }) => route.method.toUpperCase())
  if (methods.length === 0) return new Refusal('NOT_FOUND')
  const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods
  setHeaders(c, { allow: allowed.join(', ') })
  return new Refusal('METHOD_NOT_ALLOWED')
}

/** Kinds of refusal that anybody can cause at will and an operator wants to see. Those of tokens and limits are counted where they arise. */
const counted: Partial<Record<RefusalCode, EventType>> = {
  PAYLOAD_TOO_LARGE: 'request_refused',
  AUTH_FORBIDDEN: 'access_denied',
}

/** A fault while requests cannot be served at all is told as that: it passes, and the client may come back. */
async function judge(error: unknown, { assertReady }: HttpDeps): Promise<unknown> {
  if (isRefusal(error)) return error
  try {
    await assertReady()
    return error
  } catch {
    return new Refusal('UNAVAILABLE', { retryAfterSeconds: 1, cause: error })
  }
}

/** Everything that was thrown ends here, and leaves in one shape. */
function refuse(c: HttpContext, { log, now, refusals }: HttpDeps, thrown: unknown): Response {
  const origin = c.get('origin')
  const refusal = refusalOf(thrown)
  const isFault = refusal.code === 'INTERNAL_ERROR' || refusal.code === 'UNAVAILABLE'
  if (isFault) log.error({ request_id: origin.requestId, error: refusal.cause ?? thrown }, 'Request failed')

  const type = counted[refusal.code]
  if (type) refusals.count(origin, { type, failureReason: refusal.code })

  const { status, headers, body } = problemOf(refusal.code === 'INTERNAL_ERROR' ? thrown : refusal, {
    requestId: origin.requestId,
    now: now(),
  })
  return answer(c, body, status, headers)
}
