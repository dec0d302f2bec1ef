import type { ServerResponse } from 'node:http'
import { serve } from './server.ts'

/** One verifier that listens to the revocations. */
export interface Listener {
  lastEventId: string | undefined
  send(text: string | Buffer): void
  /** Breaks the connection without a good-bye. */
  cut(): void
}

/** An issuer as a verifier sees it: a key set and a stream of revocations, played by hand. */
export async function testIssuer({ port = 0, keys = [] as object[] } = {}) {
  const listeners: Listener[] = []
  const waiting: ((listener: Listener) => void)[] = []
  let keySetRequests = 0
  let keySet: { keys: object[] } = { keys }

  const server = await serve((request, response) => {
    if (request.url === '/.well-known/jwks.json') {
      keySetRequests += 1
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(keySet))
      return
    }
    const listener = listen(response, request.headers['last-event-id'])
    const next = waiting.shift()
    if (next) next(listener)
    else listeners.push(listener)
  }, port)

  return {
    ...server,
    /** The next verifier that connects, or has connected and was not asked for yet. */
    nextListener(): Promise<Listener> {
      const listener = listeners.shift()
      return listener ? Promise.resolve(listener) : new Promise((resolve) => waiting.push(resolve))
    },
    publish(next: object[]) {
      keySet = { keys: next }
    },
    keySetRequests: () => keySetRequests,
  }
}

function listen(response: ServerResponse, lastEventId: string | string[] | undefined): Listener {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  return {
    lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
    send: (text) => response.write(text),
    cut: () => response.destroy(),
  }
}

export function revokedEvent(id: string, ...sessions: { sid: string; exp: number }[]): string {
  return `event: revoked\nid: ${id}\ndata: ${JSON.stringify({ sessions })}\n\n`
}

export function currentEvent(id: string): string {
  return `event: current\nid: ${id}\ndata: {}\n\n`
}
