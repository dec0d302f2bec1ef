import { z } from '@hono/zod-openapi'
import { Refusal } from '../../domain/refusal.ts'
import { isSessionId, type SessionId } from '../../domain/session.ts'
import { authenticate } from '../authenticate.ts'
import type { HttpContext } from '../context.ts'
import { clearTokenCookies } from '../cookies.ts'
import { answerJson, type Endpoint, failures, messageSchema, signedIn, success } from '../endpoint.ts'
import { instant } from '../instant.ts'

const sessionsSchema = z
  .object({
    data: z.array(
      z.object({
        id: z.uuid().openapi({ description: 'The `sid` of its access tokens' }),
        user_agent: z.string().openapi({ description: 'Of the login' }),
        ip_address: z.string().openapi({ description: 'Of the login' }),
        created_at: z.iso.datetime().openapi({ description: 'When the login was' }),
        last_used_at: z.iso.datetime().openapi({ description: 'When tokens were last given for it' }),
        expires_at: z.iso.datetime().openapi({ description: 'When it ends, however often it is refreshed' }),
        current: z.boolean().openapi({ description: 'Whether it is the one that asks' }),
      }),
    ),
    meta: z.object({
      timestamp: z.iso.datetime(),
      count: z.int().openapi({ description: 'How many there are, also where not all are listed' }),
    }),
  })
  .openapi('Sessions')

const sessionPathSchema = z.object({ id: z.uuid().openapi({ description: 'In lower case, as it is listed' }) })

export const sessionListEndpoints: Endpoint[] = [
  {
    route: {
      method: 'get',
      path: '/api/auth/sessions',
      operationId: 'listSessions',
      summary: 'List your own live sessions, the newest use first: at most a hundred',
      tags: ['Account'],
      security: signedIn,
      responses: { 200: success('The sessions', sessionsSchema), ...failures(401, 429, 503) },
    },
    handle: async (c, deps) => {
      const caller = await authenticate(c, deps)
      const { sessions, count } = await deps.auth.listSessions(caller)
      const body: z.output<typeof sessionsSchema> = {
        data: sessions.map((session) => ({
          id: session.id,
          user_agent: session.userAgent,
          ip_address: session.ipAddress,
          created_at: instant(session.createdAt),
          last_used_at: instant(session.lastUsedAt),
          expires_at: instant(session.expiresAt),
          current: session.id === caller.sessionId,
        })),
        meta: { timestamp: instant(deps.now()), count },
      }
      return answerJson(c, body)
    },
  },
  {
    route: {
      method: 'delete',
      path: '/api/auth/sessions/{id}',
      operationId: 'endSession',
      summary: 'End one of your sessions',
      description: 'Your own is ended as by a logout. One that is not yours, unknown or over is not found.',
      tags: ['Account'],
      security: signedIn,
      request: { params: sessionPathSchema },
      responses: { 200: success('Ended', messageSchema), ...failures(401, 403, 404, 429, 503) },
    },
    handle: async (c, deps) => {
      const caller = await authenticate(c, deps)
      const { isOwn } = await deps.auth.endSession({ caller, sessionId: readSessionId(c), origin: c.get('origin') })
      if (isOwn) clearTokenCookies(c)
      return answerJson(c, { message: 'Session ended' })
    },
  },
]

/** What is no id names no session, and is asked of no database. @throws {Refusal} NOT_FOUND */
function readSessionId(c: HttpContext): SessionId {
  const id = c.req.param('id') ?? ''
  if (!isSessionId(id)) throw new Refusal('NOT_FOUND')
  return id
}
