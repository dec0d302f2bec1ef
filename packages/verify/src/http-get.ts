import { type Agent, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; one that came several times is joined. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

interface Options {
  readonly headers: Readonly<Record<string, string>>
  readonly agent: Agent
  readonly timeoutMilliseconds: number
  readonly maxBytes: number
}

/**
 * Fetches over HTTP without keeping the process alive, which `fetch` does.
 *
 * Redirects are not followed; an answer that is too long or too late is given up.
 */
export function httpGet(url: string, { headers, agent, timeoutMilliseconds, maxBytes }: Options): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const open = url.startsWith('https:') ? requestHttps : requestHttp
    const request = open(url, { headers, agent })
    const patience = setTimeout(() => request.destroy(new Error('the answer took too long')), timeoutMilliseconds)
    patience.unref()
    const chunks: Buffer[] = []
    let length = 0

    request.on('socket', (socket) => socket.unref())
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
    request.end()
  })
}
