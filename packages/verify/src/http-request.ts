import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; one that came several times is joined. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

interface Options {
  readonly headers: Readonly<Record<string, string>>
  readonly agent: HttpAgent
  readonly timeoutMilliseconds: number
  readonly maxBytes: number
  /** Sent by POST where it is given. */
  readonly form?: URLSearchParams
  /** Whether somebody waits for the answer, so that the process must live until it is there. */
  readonly isAwaited?: boolean
  /** Gives the question up, also one that waits for a connection. */
  readonly signal?: AbortSignal
}

/** Keeps connections to one host open, at most so many at once. */
export function keepAliveAgent(url: string, maxSockets: number): HttpAgent {
  const Agent = url.startsWith('https:') ? HttpsAgent : HttpAgent
  return new Agent({ keepAlive: true, maxSockets })
}

/**
 * Asks over HTTP without keeping the process alive, which `fetch` does, unless somebody waits.
 *
 * Redirects are not followed; an answer that is too long or too late is given up.
 */
export function httpRequest(url: string, options: Options): Promise<HttpAnswer> {
  const { headers, agent, timeoutMilliseconds, maxBytes, form, isAwaited = false, signal } = options
  return new Promise((resolve, reject) => {
    const open = url.startsWith('https:') ? requestHttps : requestHttp
    const request = open(url, {
      headers,
      agent,
      method: form ? 'POST' : 'GET',
      ...(signal ? { signal } : {}),
    })
    const patience = setTimeout(() => request.destroy(new Error('the answer took too long')), timeoutMilliseconds)
    if (!isAwaited) patience.unref()
    const chunks: Buffer[] = []
    let length = 0

    if (!isAwaited) request.on('socket', (socket) => socket.unref())
    request.on('close', () => clearTimeout(patience))
    request.on('error', reject)
    request.on('response', (response) => {
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > maxBytes) request.destroy(new Error(`the answer has more than ${maxBytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    request.end(form?.toString())
  })
}
