import { Refusal } from '../../domain/refusal.ts'
import type { Revocation } from '../../domain/session.ts'
import type { HttpContext, HttpDeps } from '../context.ts'
import { type Endpoint, failures } from '../endpoint.ts'

const heartbeatMilliseconds = 2000
const eventsPerMessage = 500
/** Each stream holds a socket and a few kilobytes. */
const maxStreams = 4096

/** The stream that verifiers follow; how many follow it is bounded in all. */
export function revocationEndpoints(): Endpoint[] {
  let openStreams = 0

  return [
    {
      route: {
        method: 'get',
        path: '/api/auth/revocations',
        operationId: 'followRevocations',
        summary: 'Follow the ends of sessions, as server-sent events',
        description:
          'For `@latchkey/verify`. `revoked` events tell session ids and when their last access token is dead of age; ' +
          '`current` says that everything up to its id was told, and comes every two seconds. `Last-Event-ID` resumes.',
        tags: ['Tokens'],
        responses: {
          200: { description: 'The stream', content: { 'text/event-stream': { schema: { type: 'string' } } } },
          ...failures(429, 503),
        },
      },
      handle: async (c, deps) => {
        const headers = { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' }
        // The body of an answer to HEAD is thrown away unread: a stream in it would never end.
        if (c.req.method === 'HEAD') return c.body(null, 200, headers)
        if (openStreams >= maxStreams) throw new Refusal('OVERLOADED', { retryAfterSeconds: 5 })
        await deps.revocations.catchUp()
        openStreams += 1
        const stream = streamFrom(readCursor(c, deps.revocations.cursor()), deps, () => {
          openStreams -= 1
        })
        return c.body(stream, 200, headers)
      },
    },
  ]
}

/** A cursor that is no number, or that another database gave, counts as none: everything follows. */
function readCursor(c: HttpContext, newest: number): number {
  const text = c.req.header('last-event-id') ?? ''
  const cursor = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0
  return cursor <= newest ? cursor : 0
}

/** Every end after the cursor, then `current`, then each new end as it is committed. It tells ids and dates, of nobody. */
function streamFrom(cursor: number, { revocations }: HttpDeps, onEnd: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const ended = new AbortController()
  ended.signal.addEventListener('abort', onEnd, { once: true })

  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      const send = (event: string, id: number, data: object) =>
        controller.enqueue(encoder.encode(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`))
      const sendCurrent = () => send('current', revocations.cursor(), {})

      revocations.subscribe(
        {
          onEnds: (ends) => {
            for (const part of inParts(ends.filter(({ sequence }) => sequence > cursor))) {
              send('revoked', part.at(-1)?.sequence ?? cursor, { sessions: part.map(toMessage) })
            }
          },
          onClose: () => {
            ended.abort()
            controller.close()
          },
        },
        ended.signal,
      )
      sendCurrent()
      const heart = setInterval(sendCurrent, heartbeatMilliseconds)
      heart.unref()
      ended.signal.addEventListener('abort', () => clearInterval(heart))
    },
    cancel: () => ended.abort(),
  })
}

function toMessage({ sessionId, accessExpiresAt }: Revocation) {
  return { sid: sessionId, exp: Math.ceil(accessExpiresAt / 1000) }
}

function inParts(ends: readonly Revocation[]): Revocation[][] {
  const count = Math.ceil(ends.length / eventsPerMessage)
  return Array.from({ length: count }, (_, part) => ends.slice(part * eventsPerMessage, (part + 1) * eventsPerMessage))
}
