import type { ApiCaller, ApiCredentialId } from '../../domain/api-credential.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { ListedEnd, Reach } from '../../flows/follow-revocations.ts'
import { answer } from '../answer.ts'
import { authenticateApi } from '../authenticate-api.ts'
import type { HttpContext, HttpDeps } from '../context.ts'
import { asApi, type Endpoint, failures } from '../endpoint.ts'

export const revocationStreamPath = '/api/auth/revocations'
const heartbeatMilliseconds = 2000
const endsPerEvent = 500
/** Each stream holds a socket and a few kilobytes. */
const maxStreams = 4096
/** Enough for the backends behind one address, and too few to shut out those of others. */
const maxStreamsPerNetwork = 256
/** A stream whose client does not read is ended when this much waits: it comes back and goes on where it stood. */
const maxWaitingBytes = 4 * 1024 * 1024
/** Streams are ended after an hour, so that the drift between two clocks never adds up to anything. */
const streamLifeMilliseconds = 60 * 60 * 1000

const encoder = new TextEncoder()

/** The stream that verifiers follow; how many follow it is bounded in all and for each network. */
export function revocationEndpoints(): Endpoint[] {
  const openStreams = new Map<string, number>()
  const standings = new Map<ApiCredentialId, { askedAt: number; isActive: Promise<boolean> }>()

  /** Answers how many are open with it. */
  function open(network: string): number {
    const all = [...openStreams.values()].reduce((sum, count) => sum + count, 0)
    const own = openStreams.get(network) ?? 0
    if (all >= maxStreams || own >= maxStreamsPerNetwork) throw new Refusal('OVERLOADED', { retryAfterSeconds: 5 })
    openStreams.set(network, own + 1)
    return all + 1
  }

  function close(network: string): void {
    const left = (openStreams.get(network) ?? 1) - 1
    if (left > 0) openStreams.set(network, left)
    else openStreams.delete(network)
  }

  /** Asked once a heartbeat for all streams of a credential. A database that does not answer ends nobody's. */
  function isStillActive(api: ApiCaller, { auth }: HttpDeps): Promise<boolean> {
    const known = standings.get(api.id)
    const askedAt = performance.now()
    if (known && askedAt - known.askedAt < heartbeatMilliseconds) return known.isActive
    const isActive = auth.isApiActive(api).catch(() => true)
    standings.set(api.id, { askedAt, isActive })
    return isActive
  }

  return [
    {
      route: {
        method: 'get',
        path: revocationStreamPath,
        operationId: 'followRevocations',
        summary: 'Follow the ends of sessions, as server-sent events',
        description:
          'For `@latchkey/verify`. `revoked` events tell the indexes of new bits by the number of their status list, and ' +
          'with `after` the id that they follow on: where that is not the one before, something was lost. `current` says ' +
          'that everything up to its id was told, and for how many seconds the stream had been open when that was all ' +
          'there was; it comes every two seconds. `Last-Event-ID` resumes: `reset` says that what came after it is no ' +
          'longer at hand, and that the lists must be read again. Without it the stream begins now. Takes the credential ' +
          'of an API where `REVOCATION_STREAM` is `credential`.',
        tags: ['Tokens'],
        security: [{}, ...asApi],
        responses: {
          200: { description: 'The stream', content: { 'text/event-stream': { schema: { type: 'string' } } } },
          ...failures(401, 429, 503),
        },
      },
      handle: async (c, deps) => {
        const isOpenToAll = deps.settings.revocationStream === 'public'
        const api = isOpenToAll ? undefined : await authenticateApi(c, deps)
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' } as const
        // The body of an answer to HEAD is thrown away unread: a stream in it would never end.
        if (c.req.method === 'HEAD') return answer(c, null, 200, headers)
        const openedAt = performance.now()
        await deps.revocations.catchUp()
        const { network } = c.get('origin')
        const number = open(network)
        deps.metrics.observeStream(1)
        const stream = streamFrom(c, deps, {
          openedAt,
          isWelcome: () => api === undefined || isStillActive(api, deps),
          // A minute for each of the next dozen streams: they do not all come back at once.
          lifeMilliseconds: streamLifeMilliseconds - (number % 12) * 60_000,
          onEnd: () => {
            close(network)
            deps.metrics.observeStream(-1)
          },
        })
        return answer(c, stream, 200, headers)
      },
    },
  ]
}

/** What is no number is no cursor of ours, and greater than all of them. */
function readCursor(c: HttpContext): number | undefined {
  const text = c.req.header('last-event-id')
  if (text === undefined || text === '') return undefined
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
}

type StreamTerms = {
  openedAt: number
  /** Asked at each heartbeat. */
  isWelcome(): boolean | Promise<boolean>
  lifeMilliseconds: number
  onEnd(): void
}

/** What came after the cursor, then `current`, then each new end as it is committed. It tells positions, and of nobody. */
function streamFrom(
  c: HttpContext,
  { revocations }: HttpDeps,
  { openedAt, isWelcome, lifeMilliseconds, onEnd }: StreamTerms,
): ReadableStream<Uint8Array> {
  const after = readCursor(c)
  const ended = new AbortController()
  ended.signal.addEventListener('abort', onEnd, { once: true })
  const open = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const end = () => {
      if (ended.signal.aborted) return
      ended.abort()
      controller.close()
    }
    const send = (bytes: Uint8Array) => {
      if (ended.signal.aborted) return
      controller.enqueue(bytes)
      if ((controller.desiredSize ?? 0) < 0) end()
    }
    const sendCurrent = () => {
      // Not by the clock of now: a database that does not answer leaves us as ignorant as whoever listens.
      const seconds = Math.floor(Math.max(revocations.completeAt() - openedAt, 0)) / 1000
      send(eventOf('current', revocations.cursor(), { open_seconds: seconds }))
    }

    const listener = {
      onEnds: (ends: readonly ListedEnd[], reach: Reach) => send(messageOf(ends, reach)),
      onGap: () => send(eventOf('reset', revocations.cursor(), {})),
      onClose: end,
    }
    revocations.subscribe(listener, { after, until: ended.signal })
    sendCurrent()
    const beat = async () => {
      sendCurrent()
      if (!(await isWelcome())) end()
    }
    const heart = setInterval(beat, heartbeatMilliseconds)
    const life = setTimeout(end, lifeMilliseconds)
    heart.unref()
    life.unref()
    ended.signal.addEventListener('abort', () => {
      clearInterval(heart)
      clearTimeout(life)
    })
  }

  const strategy = { highWaterMark: maxWaitingBytes, size: ({ byteLength }: Uint8Array) => byteLength }
  return new ReadableStream<Uint8Array>({ start: open, cancel: () => ended.abort() }, strategy)
}

/** All streams are told of the same ends: what was written for one serves the others. */
const written = new WeakMap<readonly ListedEnd[], Uint8Array>()

function messageOf(ends: readonly ListedEnd[], { after, upTo }: Reach): Uint8Array {
  const known = written.get(ends)
  if (known) return known
  const parts = inParts(ends)
  const reached = parts.map((part, at) => (at === parts.length - 1 ? upTo : (part.at(-1)?.sequence ?? 0)))
  const events = parts.map((part, at) =>
    eventOf('revoked', reached[at] ?? upTo, { after: reached[at - 1] ?? after, lists: byList(part) }),
  )
  const message = Buffer.concat(events)
  written.set(ends, message)
  return message
}

function byList(ends: readonly ListedEnd[]): Record<string, number[]> {
  const lists: Record<string, number[]> = {}
  for (const { list, index } of ends) {
    lists[list] ??= []
    lists[list].push(index)
  }
  return lists
}

function eventOf(event: string, id: number, data: object): Uint8Array {
  return encoder.encode(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`)
}

/** At least one part, though it may be empty. */
function inParts(ends: readonly ListedEnd[]): ListedEnd[][] {
  const count = Math.max(Math.ceil(ends.length / endsPerEvent), 1)
  return Array.from({ length: count }, (_, part) => ends.slice(part * endsPerEvent, (part + 1) * endsPerEvent))
}
