import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createNodeServer, type ServerLimits } from '../src/http/node-listener.ts'
import { answersOf, type RawAnswer } from './raw-answers.ts'

type Fetch = Parameters<typeof createNodeServer>[0]

/** A real server on a free port, with everything that guards one. Ends with the test. */
export async function listen(fetch: Fetch, limits: Partial<ServerLimits> = {}) {
  const server = createNodeServer(fetch, limits)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { server, port, send: (...parts: (string | Uint8Array)[]) => exchange(port, parts) }
}

/** Opens a connection, from another address of this machine where one is given. It ends with the test. */
export async function dial(port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true })
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
