import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Refusal, type RefusalCode } from '../domain/refusal.ts'
import { boundConnections, type ConnectionLimits } from './connections.ts'
import { baseHeaders, type HeaderFields } from './headers.ts'
import { problemOf } from './problem.ts'

type Fetch = (request: Request, environment: object) => Response | Promise<Response>

export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** How long a server waits for a client, and how many it holds. */
export type ServerLimits = ConnectionLimits & {
  headersMilliseconds: number
  /** For a whole request, its body with it. */
  requestMilliseconds: number
  /** Between an answer and the next request. */
  idleMilliseconds: number
  /** How often it looks who is late. */
  checkMilliseconds: number
}

type ServerOptions = Partial<ServerLimits> & Pick<ListenerOptions, 'ownsProcess'>

const usualLimits: ServerLimits = {
  headersMilliseconds: 10_000,
  requestMilliseconds: 15_000,
  idleMilliseconds: 5000,
  checkMilliseconds: 1000,
  inAll: 10_000,
  /** Enough for an office or a proxy that nobody named, and a fifth of all. */
  perNetwork: 2000,
  trustedProxies: [],
}
/** Two kilobytes are common, eight much; a token takes one. */
const maxHeaderBytes = 16 * 1024
const maxHeaders = 100

type ListenerOptions = {
  /** Says which paths are ours: those that a framework cut short are made whole again. */
  handles?: (path: string) => boolean
  /**
   * Lets the adapter replace the global `Request` and `Response` by lighter ones, which saves a request 50 microseconds:
   * never in somebody else's process.
   */
  ownsProcess?: boolean
}

/**
 * Makes a listener for `node:http` of a `fetch` handler. What cannot be told as a `Request` (a host name that is none,
 * a target that is no path) is refused here, in the one error shape.
 */
export function nodeListener(fetch: Fetch, { handles, ownsProcess = false }: ListenerOptions = {}): NodeListener {
  const refuse = () => problemResponse('VALIDATION_ERROR')
  // Health probes speak HTTP/1.0 without a Host. No answer depends on the name that stands in for it.
  const options = { overrideGlobalObjects: ownsProcess, errorHandler: refuse, hostname: 'localhost' }
  const listener = getRequestListener(fetch, options)
  const refuser = getRequestListener(refuse, options)
  return (incoming, outgoing) => {
    if (handles) makeWhole(incoming, handles)
    const lacksHost = incoming.httpVersionMajor < 2 && incoming.httpVersion !== '1.0' && !incoming.headers.host
    void (lacksHost ? refuser : listener)(incoming, outgoing)
  }
}

/** Express takes the path of a mount off `url`, and keeps the whole in `originalUrl`. */
function makeWhole(incoming: IncomingMessage & { originalUrl?: unknown }, handles: (path: string) => boolean): void {
  const { originalUrl } = incoming
  if (typeof originalUrl === 'string' && handles(originalUrl.split('?')[0] ?? '')) incoming.url = originalUrl
}

/**
 * A server with the limits of a public one. What is no HTTP is refused in the one error shape too.
 */
export function createNodeServer(fetch: Fetch, { ownsProcess = false, ...changes }: ServerOptions = {}): Server {
  const limits = { ...usualLimits, ...changes }
  const server = createServer(
    {
      headersTimeout: limits.headersMilliseconds,
      requestTimeout: limits.requestMilliseconds,
      keepAliveTimeout: limits.idleMilliseconds,
      connectionsCheckingInterval: limits.checkMilliseconds,
      maxHeaderSize: maxHeaderBytes,
      // Node would refuse with an empty answer; whoever names no host is refused in the one shape instead.
      requireHostHeader: false,
    },
    nodeListener(fetch, { ownsProcess }),
  )
  server.maxHeadersCount = maxHeaders
  boundConnections(server, limits)
  server.on('clientError', refuserOfBytes(server))
  server.on('checkExpectation', (_, outgoing: ServerResponse) => refuseExpectation(outgoing))
  server.on('connect', (_, socket: Socket) =>
    endWith(socket, 'METHOD_NOT_ALLOWED', { allow: 'GET, HEAD, POST, DELETE' }),
  )
  return server
}

const codeOfClientError: Record<string, RefusalCode> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PAYLOAD_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
}

/**
 * Says what is wrong with the bytes and ends the connection, but not before the answers to requests that arrived whole:
 * those would be lost.
 */
function refuserOfBytes(server: Server) {
  const pendingOn = watchPending(server)
  const refused = new WeakSet<Socket>()

  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Every further piece of the garbage comes here too.
    if (refused.has(socket)) return
    refused.add(socket)
    const pending = pendingOn(socket)
    if (pending) pending.once('close', () => refuseBytes(error, socket))
    else refuseBytes(error, socket)
  }
}

/** The last answer that a connection still owes to a request that arrived whole. */
function watchPending(server: Server): (socket: Socket) => ServerResponse | undefined {
  const exchanges = new WeakMap<Socket, Map<ServerResponse, IncomingMessage>>()
  server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming
    const ofSocket = exchanges.get(socket) ?? new Map()
    if (ofSocket.size === 0) exchanges.set(socket, ofSocket)
    ofSocket.set(outgoing, incoming)
    outgoing.on('close', () => ofSocket.delete(outgoing))
  })
  return (socket) => [...(exchanges.get(socket) ?? [])].findLast(([, { complete }]) => complete)?.[0]
}

function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else endWith(socket, codeOfClientError[error.code ?? ''] ?? 'VALIDATION_ERROR')
}

function endWith(socket: Socket, code: RefusalCode, more: HeaderFields = {}): void {
  const { status, headers, body } = problem(code)
  const lines = Object.entries({ ...headers, ...more, 'content-length': Buffer.byteLength(body), connection: 'close' })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} Refused\r\n${head}\r\n${body}`)
}

function refuseExpectation(outgoing: ServerResponse): void {
  const { status, headers, body } = problem('EXPECTATION_FAILED')
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

/** A refusal as a whole answer, for whoever answers outside of the app. */
export function problemResponse(code: RefusalCode, more: HeaderFields = {}): Response {
  const { status, headers, body } = problem(code)
  return new Response(body, { status, headers: { ...headers, ...more } })
}

function problem(code: RefusalCode) {
  const requestId = randomUUID()
  const { status, headers, body } = problemOf(new Refusal(code), { requestId, now: Date.now() })
  return { status, body, headers: { ...labelHeaders(requestId), ...headers } }
}

/** What every answer bears, and the id of this one. */
export function labelHeaders(requestId: string = randomUUID()): HeaderFields {
  return { ...baseHeaders, 'x-request-id': requestId }
}
