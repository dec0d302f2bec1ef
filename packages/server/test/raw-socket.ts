import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createNodeServer } from '../src/http/node-listener.ts'

/** An answer as it came over the wire. */
export type RawAnswer = { status: number; head: string; headers: Record<string, string>; body: string }

type Fetch = Parameters<typeof createNodeServer>[0]

/** A real server on a free port, with everything that guards one. Ends with the test. */
export async function listen(fetch: Fetch, configure: (server: Server) => void = () => {}) {
  const server = createNodeServer(fetch)
  configure(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { server, port, send: (...parts: (string | Uint8Array)[]) => exchange(port, parts) }
}

/** Opens a connection. It ends with the test. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  return socket
}

/** Sends bytes as they are, and answers all that came back until the server closed. */
async function exchange(port: number, parts: readonly (string | Uint8Array)[]): Promise<RawAnswer[]> {
  const socket = await dial(port)
  for (const part of parts) socket.write(part)
  return answersOf(await bytesUntilClosed(socket))
}

export async function bytesUntilClosed(socket: Socket): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)))
  await Promise.race([once(socket, 'end'), once(socket, 'close')])
  socket.destroy()
  return Buffer.concat(chunks)
}

/** Takes apart answers that say their length, or that end with the connection. */
export function answersOf(bytes: Buffer): RawAnswer[] {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return []
  const head = text.slice(0, end)
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const length = headers['content-length'] === undefined ? Number.POSITIVE_INFINITY : Number(headers['content-length'])
  const rest = bytes.subarray(end + 4)
  const body = rest.subarray(0, length).toString('utf8')
  const status = Number(statusLine.split(' ')[1])
  return [{ status, head, headers, body }, ...answersOf(rest.subarray(Math.min(length, rest.length)))]
}

/** The bytes of a POST with a JSON body. */
export function post(path: string, body: string | Uint8Array, headers: readonly string[] = []): Uint8Array {
  const content = Buffer.from(body)
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${content.length}`,
    ...headers,
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), content])
}

/** The bytes of a request without a body, with the lines of its head as they are given. */
export function head(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}
