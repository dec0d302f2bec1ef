import { z } from '@hono/zod-openapi'
import { authenticate } from '../authenticate.ts'
import { check } from '../body.ts'
import { answerJson, type Endpoint, failures, signedIn, success } from '../endpoint.ts'
import { instant } from '../instant.ts'
import { readQuery } from '../query.ts'

const profileSchema = z
  .object({
    user_id: z.uuid(),
    email: z.string(),
    created_at: z.iso.datetime(),
    last_login: z.iso.datetime().nullable(),
  })
  .openapi('Profile')

const eventsQuerySchema = z.object({
  cursor: z.uuid('Must be the next_cursor of the page before').optional(),
  limit: z
    .string()
    .regex(/^(100|[1-9][0-9]?)$/, 'Must be a whole number from 1 to 100')
    .transform(Number)
    .default(20)
    .openapi({ type: 'integer', minimum: 1, maximum: 100, default: 20, pattern: undefined as never }),
})

const eventsSchema = z
  .object({
    data: z.array(
      z.object({
        id: z.uuid(),
        event_type: z.string(),
        ip_address: z.string(),
        user_agent: z.string(),
        success: z.boolean(),
        failure_reason: z.string().nullable(),
        request_id: z.uuid(),
        created_at: z.iso.datetime(),
        count: z.int().openapi({ description: 'How many alike this line stands for' }),
      }),
    ),
    meta: z.object({ timestamp: z.iso.datetime(), next_cursor: z.uuid().nullable() }),
  })
  .openapi('Events')

export const accountEndpoints: Endpoint[] = [
  {
    route: {
      method: 'get',
      path: '/api/auth/me',
      operationId: 'readProfile',
      summary: 'Read your own profile',
      tags: ['Account'],
      security: signedIn,
      responses: { 200: success('The profile', profileSchema), ...failures(401, 429, 503) },
    },
    handle: async (c, deps) => {
      const profile = await deps.auth.readProfile(await authenticate(c, deps))
      const body: z.output<typeof profileSchema> = {
        user_id: profile.id,
        email: profile.email,
        created_at: instant(profile.createdAt),
        last_login: profile.lastLoginAt === undefined ? null : instant(profile.lastLoginAt),
      }
      return answerJson(c, body)
    },
  },
  {
    route: {
      method: 'get',
      path: '/api/auth/events',
      operationId: 'listEvents',
      summary: 'List your own audit log, newest first',
      tags: ['Account'],
      security: signedIn,
      request: { query: eventsQuerySchema },
      responses: { 200: success('A page of events', eventsSchema), ...failures(400, 401, 429, 503) },
    },
    handle: async (c, deps) => {
      const caller = await authenticate(c, deps)
      const { cursor, limit } = check(eventsQuerySchema, readQuery(c, ['cursor', 'limit']))
      const { events, nextCursor } = await deps.auth.listEvents({ caller, cursor, limit })
      const body: z.output<typeof eventsSchema> = {
        data: events.map((event) => ({
          id: event.id,
          event_type: event.type,
          ip_address: event.ipAddress,
          user_agent: event.userAgent,
          success: event.isSuccess,
          failure_reason: event.failureReason ?? null,
          request_id: event.requestId,
          created_at: instant(event.createdAt),
          count: event.count,
        })),
        meta: { timestamp: instant(deps.now()), next_cursor: nextCursor ?? null },
      }
      return answerJson(c, body)
    },
  },
]
