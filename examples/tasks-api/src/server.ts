import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { problemOf, Refusal, type RefusalCode } from './refusal.ts'

type Fetch = (request: Request) => Response | Promise<Response>

/** A server of a `fetch` handler. What is no HTTP, or cannot be told as a `Request`, is refused in the one error shape. */
export function createTaskServer(fetch: Fetch): Server {
  const listener = getRequestListener(fetch, { errorHandler: () => toResponse(problem('VALIDATION_ERROR')) })
  // Node would refuse whoever names no host with an empty answer.
  const server = createServer({ requireHostHeader: false }, listener)
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, socket: Socket) => {
    if (code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else socket.end(toBytes(problem(codeOfClientError[code] ?? 'VALIDATION_ERROR')))
  })
  return server
}

const codeOfClientError: Record<string, RefusalCode> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
}

type Problem = { status: number; headers: Record<string, string>; body: string }

function problem(code: RefusalCode): Problem {
  const requestId = randomUUID()
  const { status, body } = problemOf(new Refusal(code), { requestId, now: Date.now() })
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
    },
    body: JSON.stringify(body),
  }
}

function toResponse({ body, ...rest }: Problem): Response {
  return new Response(body, rest)
}

function toBytes({ status, headers, body }: Problem): string {
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Refused\r\n${head.join('')}\r\n${body}`
}
