import { once } from 'node:events'
import { connect } from 'node:net'

/** What the server answers to whoever signs up, logs in or refreshes. */
export type Tokens = { user_id: string; email: string; token: string; refresh_token: string }

export type Answer = {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: the tests compare what came, whatever it is
  body: any
}

type Sending = { method?: string; token?: string; body?: unknown }

/** Sends one request and reads its JSON. A body is sent as JSON. */
export async function send(url: string, { method, token, body }: Sending = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

/** Opens a connection on which a request never ends. */
export async function sendHalf(url: string): Promise<AsyncDisposable> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: local')
  // Whoever answers this has met the connection before.
  await send(`${url}/healthz`)
  return { [Symbol.asyncDispose]: async () => void socket.destroy() }
}

/** Whether something takes connections there. */
export async function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

let accounts = 0

/** An email that no other test uses, and a password. */
export function newCredentials() {
  accounts += 1
  return { email: `user-${accounts}@example.com`, password: 'SecurePass123' }
}

/** @throws {Error} unless the server answers with tokens */
export async function askTokens(url: string, body: object): Promise<Tokens> {
  const { status, body: answer } = await send(url, { body })
  if (status === 200 || status === 201) return answer
  throw new Error(`Cannot get tokens from ${url}: the answer was ${status} ${answer.error.code}`)
}
