import type { RouteConfig } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { type RefusalCode, refusals } from '../domain/refusal.ts'
import { answer, setHeaders } from './answer.ts'
import type { HttpContext, HttpDeps, HttpSettings } from './context.ts'

/** One method of one path: its line in the contract, and what answers it. */
export type Endpoint = {
  route: RouteConfig
  handle(c: HttpContext, deps: HttpDeps): Response | Promise<Response>
}

const problemSchema = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(refusals) as [RefusalCode, ...RefusalCode[]]),
      message: z.string(),
      details: z.array(z.object({ field: z.string(), issue: z.string() })).nullable(),
    }),
    meta: z.object({ timestamp: z.iso.datetime(), request_id: z.uuid() }),
  })
  .openapi('Error')

const requestIdHeader = {
  'X-Request-Id': {
    description: 'Id of the request, in logs too',
    schema: { type: 'string' as const, format: 'uuid' },
  },
}
const waitHeaders = {
  'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' as const, minimum: 1 } },
}
const quotaHeaders = {
  RateLimit: { description: 'What is left, and when it resets', schema: { type: 'string' as const } },
  'RateLimit-Policy': { description: 'The limit and its window in seconds', schema: { type: 'string' as const } },
}

const refusalText: Record<number, string> = {
  400: 'Invalid input',
  401: 'Not authenticated',
  403: 'Access denied',
  404: 'Not found',
  409: 'Email already registered',
  413: 'Request body too large',
  415: 'Content type not supported',
  429: 'Too many requests',
  501: 'Not implemented',
  503: 'Service busy or not ready',
}

/** What is answered where there is nothing to tell but that it is done. */
export const messageSchema = z.object({ message: z.string() }).openapi('Message')

/** The error answers of a route, for its place in the contract. */
export function failures(...statuses: number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: refusalText[status] ?? 'Error',
        headers: {
          ...requestIdHeader,
          ...(status === 429 || status === 503 ? waitHeaders : {}),
          ...(status === 429 ? quotaHeaders : {}),
        },
        content: { 'application/json': { schema: problemSchema } },
      },
    ]),
  )
}

/** An answer in JSON, for its place in the contract. */
export function success(description: string, schema: z.ZodType) {
  return { description, headers: requestIdHeader, content: { 'application/json': { schema } } }
}

/** An answer without a body, for its place in the contract. */
export function done(description: string) {
  return { description, headers: requestIdHeader }
}

/** A request body in JSON, for its place in the contract. */
export function jsonBody(schema: z.ZodType, { required = true } = {}) {
  return { body: { required, content: { 'application/json': { schema } } } }
}

/** A request body as a form, for its place in the contract. */
export function formBody(schema: z.ZodType) {
  return { body: { required: true, content: { 'application/x-www-form-urlencoded': { schema } } } }
}

/** Answers in JSON, and says in which encoding. */
export function answerJson(c: HttpContext, body: unknown, status: 200 | 201 = 200): Response {
  return answer(c, JSON.stringify(body), status, { 'content-type': 'application/json; charset=utf-8' })
}

/** Answers in JSON what everyone may read, from every page, and keep for as long as verifiers may keep keys. */
export function answerPublicly(c: HttpContext, body: unknown, { keySetMaxAgeSeconds }: HttpSettings): Response {
  setHeaders(c, {
    'cache-control': `public, max-age=${keySetMaxAgeSeconds}`,
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
  })
  return answerJson(c, body)
}

/** Answers that it is done, and nothing else. */
export function answerDone(c: HttpContext): Response {
  // Without a length of its own, an empty body would be sent in chunks.
  return answer(c, null, 200, { 'content-length': '0' })
}

/** Either of these opens a route. */
export const signedIn = [{ bearer: [] }, { cookie: [] }]

/** Either of these opens a route for APIs: the credential as the password of its name, or alone. */
export const asApi = [{ apiBasic: [] }, { apiBearer: [] }]
