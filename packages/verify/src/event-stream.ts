import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { eventStreamParser, type StreamEvent } from './event-stream-parser.ts'

interface Options {
  url: string
  /** Of an API, where the stream asks for one. */
  credential?: string | undefined
  /** What a connection is to go on after: its `Last-Event-ID`. */
  cursor: () => string
  /** Takes an event, and when its connection was asked for; when it throws, the connection is dropped and another made. */
  onEvent: (event: StreamEvent, askedAt: number) => void
  /** A clock in milliseconds that is never set back. */
  elapsed: () => number
  /** How long a connection may say nothing before it counts as dead. */
  silenceMilliseconds?: number
}

export interface EventStream {
  /** What ended the last connection; undefined while events come in. */
  problem(): string | undefined
  close(): void
}

const firstBackOffMilliseconds = 100
const longestBackOffMilliseconds = 5_000

/**
 * Follows a stream of server-sent events for ever: reconnects when it ends, fails or falls silent, and says by
 * `Last-Event-ID` where it is to go on.
 *
 * It never keeps the process alive. Redirects are not followed; nothing but 200 with `text/event-stream` is read.
 */
export function followEventStream({
  url,
  credential,
  cursor,
  onEvent,
  elapsed,
  silenceMilliseconds = 10_000,
}: Options): EventStream {
  let failures = 0
  let problem: string | undefined = 'not connected yet'
  let isClosed = false
  let end = connect()

  function take(event: StreamEvent, askedAt: number): void {
    onEvent(event, askedAt)
    failures = 0
    problem = undefined
  }

  function connect(): () => void {
    const askedAt = elapsed()
    return openStream({
      url,
      credential,
      cursor: cursor(),
      silenceMilliseconds,
      read: eventStreamParser((event) => {
        if (!isClosed) take(event, askedAt)
      }),
      onEnd: (reason) => {
        problem = reason
        if (isClosed) return
        const timer = setTimeout(() => {
          end = connect()
        }, backOff(failures))
        timer.unref()
        failures += 1
        end = () => clearTimeout(timer)
      },
    })
  }

  return {
    problem: () => problem,
    close() {
      isClosed = true
      end()
    },
  }
}

/** Doubles with each failure; half of it is random, so that a thousand verifiers do not come back at once. */
export function backOff(failures: number): number {
  const ceiling = Math.min(firstBackOffMilliseconds * 2 ** failures, longestBackOffMilliseconds)
  return jittered(ceiling)
}

/** Between half of it and all of it. */
export function jittered(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random() / 2)
}

interface Connection {
  url: string
  credential: string | undefined
  cursor: string
  silenceMilliseconds: number
  read: (piece: Uint8Array) => void
  /** Called once, however the connection ends. */
  onEnd: (reason: string) => void
}

/** Opens one connection and returns what ends it. */
function openStream({ url, credential, cursor, silenceMilliseconds, read, onEnd }: Connection): () => void {
  let reason = 'the stream ended'
  const open = url.startsWith('https:') ? requestHttps : requestHttp
  const request = open(url, {
    agent: false,
    headers: {
      accept: 'text/event-stream',
      'cache-control': 'no-cache',
      'last-event-id': cursor,
      ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
    },
  })
  const silence = setTimeout(() => request.destroy(new Error('the stream fell silent')), silenceMilliseconds)
  silence.unref()

  request.on('socket', (socket) => socket.unref())
  request.on('error', (error) => {
    reason = error.message
  })
  request.on('close', () => {
    clearTimeout(silence)
    onEnd(reason)
  })
  request.on('response', (response) => {
    const type = response.headers['content-type'] ?? ''
    if (response.statusCode !== 200 || !/^text\/event-stream\s*(;|$)/i.test(type)) {
      const isRefused = response.statusCode === 401
      const answer = isRefused ? 'it takes the credential of an API' : `the answer was ${response.statusCode} ${type}`
      request.destroy(new Error(answer))
    }
    response.on('error', (error) => {
      reason = error.message
    })
    response.on('data', (piece: Buffer) => {
      silence.refresh()
      try {
        read(piece)
      } catch (error) {
        request.destroy(error instanceof Error ? error : new Error('the stream could not be read'))
      }
    })
  })
  request.end()
  return () => request.destroy()
}
