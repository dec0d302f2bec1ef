import { createServer, type RequestListener, type Server } from 'node:http'
import { connect } from 'node:net'
import { promisify } from 'node:util'

/** A real HTTP server on a port of its own, or on the given one. */
export interface TestServer {
  url: string
  port: number
  /** How many are open. The server ends none of them by itself. */
  connections(): Promise<number>
  close(): Promise<void>
}

export async function serve(listener: RequestListener, port = 0): Promise<TestServer> {
  return serving(createServer(listener), port)
}

export async function serving(server: Server, port = 0): Promise<TestServer> {
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('Cannot listen')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    connections: promisify(server.getConnections.bind(server)),
    close: () => shut(server),
  }
}

/** Ends a server with all its connections. */
function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** An address where nobody listens. */
export async function deadAddress(): Promise<TestServer> {
  const server = await serve(() => {})
  await server.close()
  return server
}

export interface RawAnswer {
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
  body: unknown
}

/** Sends a request line and header lines exactly as given: no client tidies them up. */
export function sendRaw(port: number, target: string, headers: readonly string[] = []): Promise<RawAnswer> {
  const lines = [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers, '', '']
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(lines.join('\r\n'), 'latin1'))
    socket.setEncoding('latin1')
    socket.on('data', (piece) => {
      text += piece
    })
    socket.on('error', reject)
    socket.on('end', () => resolve(readAnswer(text)))
  })
}

function readAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)])
  const body = rest.join('\r\n\r\n')
  const json = body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(pairs),
    body: json === '' ? undefined : JSON.parse(json),
  }
}
