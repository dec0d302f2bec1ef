import { Refusal } from '../../domain/refusal.ts'
import type { Revocation } from '../../domain/session.ts'
import type { HttpContext, HttpDeps } from '../context.ts'
import { type Endpoint, failures } from '../endpoint.ts'

export const revocationStreamPath = '/api/auth/revocations'
const heartbeatMilliseconds = 2000
const endsPerMessage = 500
/** Each stream holds a socket and a few kilobytes. */
const maxStreams = 4096
/** Enough for the backends behind one address, and too few to shut out those of others. */
const maxStreamsPerNetwork = 256
/** What a reader may leave unread; the rest is read from memory when it comes to it. */
const maxUnreadBytes = 64 * 1024

/** The stream that verifiers follow; how many follow it is bounded in all and for each network. */
export function revocationEndpoints(): Endpoint[] {
  const openStreams = new Map<string, number>()

  function open(network: string): void {
    const all = [...openStreams.values()].reduce((sum, count) => sum + count, 0)
    const own = openStreams.get(network) ?? 0
    if (all >= maxStreams || own >= maxStreamsPerNetwork) throw new Refusal('OVERLOADED', { retryAfterSeconds: 5 })
    openStreams.set(network, own + 1)
  }

  function close(network: string): void {
    const left = (openStreams.get(network) ?? 1) - 1
    if (left > 0) openStreams.set(network, left)
    else openStreams.delete(network)
  }

  return [
    {
      route: {
        method: 'get',
        path: revocationStreamPath,
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
        await deps.revocations.catchUp()
        const { network } = c.get('origin')
        open(network)
        const stream = streamFrom(readCursor(c, deps.revocations.cursor()), deps, () => close(network))
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

/**
 * Every end after the cursor, then `current`, then each new end as it is committed. It tells ids and dates, of nobody.
 * A reader that does not read costs no more than `maxUnreadBytes`: nothing is queued for it meanwhile.
 */
function streamFrom(cursor: number, { revocations }: HttpDeps, onEnd: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const ended = new AbortController()
  ended.signal.addEventListener('abort', onEnd, { once: true })
  let sent = cursor
  let isTold = true

  /** Sends what the reader has room for; `current` only when it has all that is known. */
  function sendOn(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const send = (event: string, id: number, data: object) =>
      controller.enqueue(encoder.encode(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`))
    while ((controller.desiredSize ?? 0) > 0) {
      const part = revocations.after(sent, endsPerMessage)
      const last = part.at(-1)
      if (!last) break
      send('revoked', last.sequence, { sessions: part.map(toMessage) })
      sent = last.sequence
      isTold = false
    }
    if (isTold || (controller.desiredSize ?? 0) <= 0) return
    send('current', revocations.cursor(), {})
    isTold = true
  }

  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: maxUnreadBytes })
  const source = {
    start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const beat = () => {
        isTold = false
        sendOn(controller)
      }
      const onClose = () => {
        ended.abort()
        controller.close()
      }
      revocations.subscribe({ onNews: () => sendOn(controller), onClose }, ended.signal)
      beat()
      const heart = setInterval(beat, heartbeatMilliseconds)
      heart.unref()
      ended.signal.addEventListener('abort', () => clearInterval(heart))
    },
    pull: sendOn,
    cancel: () => ended.abort(),
  }
  return new ReadableStream(source, strategy)
}

function toMessage({ sessionId, accessExpiresAt }: Revocation) {
  return { sid: sessionId, exp: Math.ceil(accessExpiresAt / 1000) }
}
