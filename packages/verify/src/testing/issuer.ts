import type { IncomingMessage, ServerResponse } from 'node:http'
import { deflateSync } from 'node:zlib'
import { serve } from './server.ts'
import { encode, es256Key, startOfTime, type TestKey } from './tokens.ts'

/** One verifier that listens to the revocations. */
export interface Listener {
  lastEventId: string | undefined
  send(text: string | Buffer): void
  /** Breaks the connection without a good-bye. */
  cut(): void
}

const metadataPath = '/.well-known/oauth-authorization-server'

/** What an issuer says of itself (RFC 8414), as far as a verifier reads it. */
export function metadataOf(issuer: string): Record<string, unknown> {
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    introspection_endpoint: `${issuer}/api/auth/introspect`,
    status_list_aggregation_endpoint: `${issuer}/.well-known/status-lists`,
    latchkey_revocation_stream: `${issuer}/api/auth/revocations`,
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

interface Options {
  port?: number
  keys?: object[]
  /** Signs the lists; published beside the other keys. */
  listKey?: TestKey
}

/** An issuer as a verifier sees it: keys, status lists, and a stream of revocations, played by hand. */
export async function testIssuer({ port = 0, keys = [], listKey = es256Key('lists') }: Options = {}) {
  const listeners: Listener[] = []
  const waiting: ((listener: Listener) => void)[] = []
  const lists = new Map<number, Uint8Array>()
  const requests: string[] = []
  const authorizations: Record<string, string> = {}
  let keySet: { keys: object[] } = { keys: [...keys, listKey.jwk] }
  let cursor = 0
  let answerOtherwise: Answer | undefined
  let answerMetadata: Answer | undefined
  let answerQuestion: Answer = (_, response) => response.writeHead(503).end()

  const server = await serve((request, response) => {
    const { url = '' } = request
    requests.push(url)
    if (request.headers.authorization !== undefined) authorizations[url] = request.headers.authorization
    if (url === metadataPath) return answerMetadata ? answerMetadata(request, response) : sendText(response, metadata())
    if (url === '/api/auth/introspect') return answerQuestion(request, response)
    if (url === '/.well-known/jwks.json') return sendText(response, JSON.stringify(keySet))
    if (url === '/api/auth/revocations') return greet(listen(response, request.headers['last-event-id']))
    if (answerOtherwise) return answerOtherwise(request, response)
    response.setHeader('revocation-cursor', String(cursor))
    if (url === '/.well-known/status-lists') return sendText(response, addresses())
    return sendList(request, response)
  }, port)

  function metadata(changes: Record<string, unknown> = {}): string {
    return JSON.stringify({ ...metadataOf(server.url), ...changes })
  }

  function greet(listener: Listener): void {
    const next = waiting.shift()
    if (next) next(listener)
    else listeners.push(listener)
  }

  function addresses(): string {
    return JSON.stringify({ status_lists: [...lists.keys()].map((list) => uriOf(list)) })
  }

  function uriOf(list: number): string {
    return `${server.url}/.well-known/status-lists/${list}`
  }

  function sendList(request: IncomingMessage, response: ServerResponse): void {
    const list = Number(request.url?.split('/').at(-1))
    const bits = lists.get(list) ?? new Uint8Array(8_192)
    const tag = `"${bits.join('').length}-${bits.reduce((sum, byte, at) => sum + byte * (at + 1), 0)}"`
    if (request.headers['if-none-match'] === tag) {
      response.writeHead(304).end()
      return
    }
    response.setHeader('etag', tag)
    sendText(response, listTokenOf(listKey, { uri: uriOf(list), issuer: server.url, bits }))
  }

  return {
    ...server,
    listKey,
    uriOf,
    /** The next verifier that connects, or has connected and was not asked for yet. */
    nextListener(): Promise<Listener> {
      const listener = listeners.shift()
      return listener ? Promise.resolve(listener) : new Promise((resolve) => waiting.push(resolve))
    },
    publish(next: object[]) {
      keySet = { keys: [...next, listKey.jwk] }
    },
    /** Sets bits in a list, which is there from then on. */
    revoke(list: number, ...indexes: number[]) {
      const bits = Uint8Array.from(lists.get(list) ?? new Uint8Array(8_192))
      for (const index of indexes) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7))
      lists.set(list, bits)
      cursor += indexes.length
    },
    drop: (list: number) => lists.delete(list),
    setCursor(next: number) {
      cursor = next
    },
    /** Answers lists and their addresses in another way, until called without one. */
    answerLists(otherwise?: Answer) {
      answerOtherwise = otherwise
    },
    /** Answers for the metadata in another way. */
    answerMetadata(otherwise: Answer) {
      answerMetadata = otherwise
    },
    /** Answers introspections; without it they get 503. */
    answerQuestions(answer: Answer) {
      answerQuestion = answer
    },
    /** The metadata as text, with changes; undefined takes a member away. */
    metadata,
    /** What was shown, by path. */
    authorizations: () => authorizations,
    requestsOf: (path: string) => requests.filter((one) => one === path).length,
    keySetRequests: () => requests.filter((one) => one === '/.well-known/jwks.json').length,
  }
}

interface ListFacts {
  uri: string
  issuer: string
  bits?: Uint8Array
  /** Changes to claims, list and header; undefined takes a member away. */
  claims?: Record<string, unknown>
  list?: Record<string, unknown>
  header?: Record<string, unknown>
}

/** Signs a Status List Token that is good unless its facts spoil it. */
export function listTokenOf(key: TestKey, { uri, issuer, bits, claims, list, header }: ListFacts): string {
  const lst = deflateSync(bits ?? new Uint8Array(8_192)).toString('base64url')
  const plain = { iss: issuer, sub: uri, iat: startOfTime, exp: startOfTime + 3_600, ttl: 30 }
  const content = { ...plain, status_list: { bits: 1, lst, ...list }, ...claims }
  const signed = `${encode({ alg: key.algorithm, typ: 'statuslist+jwt', kid: key.keyId, ...header })}.${encode(content)}`
  return `${signed}.${key.sign(Buffer.from(signed)).toString('base64url')}`
}

function sendText(response: ServerResponse, text: string): void {
  response.end(text)
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

/** Follows on the event with the number before. */
export function revokedEvent(id: string, list: number, ...indexes: number[]): string {
  return `event: revoked\nid: ${id}\ndata: ${JSON.stringify({ after: Number(id) - 1, lists: { [list]: indexes } })}\n\n`
}

/** @param openSeconds for how long the issuer says that the stream has been open */
export function currentEvent(id: string, openSeconds = 0): string {
  return `event: current\nid: ${id}\ndata: ${JSON.stringify({ open_seconds: openSeconds })}\n\n`
}

export function resetEvent(id: string): string {
  return `event: reset\nid: ${id}\ndata: {}\n\n`
}
