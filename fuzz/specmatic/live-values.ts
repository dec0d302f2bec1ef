import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Asked } from '../judge.ts'
import type { Exchange } from '../wire.ts'

/**
 * What Specmatic sends where something must be good. Each has the form that the contract asks for, and stands for a value
 * that no two requests can share: a logout, a refresh or a new password uses it up.
 */
export const standIns = {
  newEmail: 'new@example.com',
  email: 'known@example.com',
  token: 'a-live-access-token',
  refreshToken: `lkr_${'A'.repeat(43)}`,
  session: '00000000-0000-4000-8000-00000000000a',
  event: '00000000-0000-4000-8000-00000000000e',
} as const
export const password = 'Correct-Horse-7-Battery'

type Live = Record<keyof typeof standIns, string>
type Watch = (asked: Asked, exchange: Exchange) => void

/**
 * A server in front of the server: it puts an account of its own behind each request that names one, and shows every
 * answer to `watch`.
 */
export async function putLiveValues(port: number, watch: Watch): Promise<{ port: number; close(): Promise<void> }> {
  let made = 0
  const nextEmail = () => {
    made += 1
    return `specmatic${made}@example.com`
  }

  async function signUp(): Promise<Live> {
    const email = nextEmail()
    const signup = await fetch(`http://127.0.0.1:${port}/api/auth/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    })
    const { token, refresh_token: refreshToken } = await bodyOf(signup)
    const { sid: session } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
    const headers = { authorization: `Bearer ${token}` }
    const events = await bodyOf(await fetch(`http://127.0.0.1:${port}/api/auth/events`, { headers }))
    return { newEmail: nextEmail(), email, token, refreshToken, session, event: events.data[0].id }
  }

  async function hand(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '' } = incoming
    const body = await text(incoming)
    const parts = [url, body, ...incoming.rawHeaders, ...cookieFor(incoming, body)]
    const isLive = Object.values(standIns).some((standIn) => parts.some((part) => part.includes(standIn)))
    const live: Live = isLive ? await signUp() : standIns
    const names = Object.keys(standIns) as (keyof Live)[]
    const fill = (part: string) => names.reduce((filled, name) => filled.replaceAll(standIns[name], live[name]), part)
    const [target = '', content = '', ...headers] = parts.map(fill)

    const answer = await ask({ port, method, target, content, headers: withLength(headers, content) })
    const said = await text(answer)
    const { statusCode: status = 0, rawHeaders } = answer
    const head = pairs(rawHeaders)
      .map((pair) => pair.join(': '))
      .join('\r\n')
    const answers = [{ status, head, headers: answer.headers as Record<string, string>, body: said }]
    const secrets = isLive ? [live.token, live.refreshToken].filter((one) => parts.map(fill).join().includes(one)) : []
    watch({ method, target, secrets }, { answers, isHung: false })
    outgoing.writeHead(status, rawHeaders).end(said)
  }

  const server = createServer((incoming, outgoing) => {
    hand(incoming, outgoing).catch((cause: Error) => outgoing.destroy(cause))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** It knows no cookies. Where it expects a refresh to succeed without a token in the body, a browser would have one. */
function cookieFor({ url, headers }: IncomingMessage, body: string): string[] {
  const isBrowser = url === '/api/auth/refresh' && headers['specmatic-response-code'] === '200'
  return isBrowser && !body.includes('refresh_token') ? ['Cookie', `refresh-token=${standIns.refreshToken}`] : []
}

type Outgoing = { port: number; method: string; target: string; content: string; headers: string[] }

async function ask({ port, method, target, content, headers }: Outgoing): Promise<IncomingMessage> {
  const asked = request({ port, host: '127.0.0.1', method, path: target, headers })
  asked.end(content)
  const [answer] = await once(asked, 'response')
  return answer
}

function withLength(headers: string[], content: string): string[] {
  return pairs(headers).flatMap(([name, value]) =>
    /^content-length$/i.test(name) ? [name, String(Buffer.byteLength(content))] : [name, value],
  )
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? '']] : []))
}

async function bodyOf(answer: Response) {
  if (!answer.ok) throw new Error(`Cannot make an account: the answer was ${answer.status}`)
  return JSON.parse(await answer.text())
}
