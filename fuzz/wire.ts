import { connect } from 'node:net'
import { answersOf, type RawAnswer } from '../packages/server/test/raw-answers.ts'

/** What came back: answers until the server closed; `isHung` where it did not within the time. */
export type Exchange = { answers: RawAnswer[]; isHung: boolean; error?: string }

/** `isLast`: nothing more will come, so that a server does not wait for the rest of what is no whole request. */
type Options = { port: number; from: string; deadlineMilliseconds: number; isLast?: boolean }

/** Sends bytes on a connection of their own, from an address of 127.0.0.0/8. A stream is left after its first event. */
export function exchange(
  bytes: Uint8Array,
  { port, from, deadlineMilliseconds, isLast = false }: Options,
): Promise<Exchange> {
  return new Promise((done) => {
    const chunks: Buffer[] = []
    let error: string | undefined
    const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true })
    const finish = (isHung: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      done({ answers: answersOf(Buffer.concat(chunks)), isHung, ...(error === undefined ? {} : { error }) })
    }
    const timer = setTimeout(() => finish(true), deadlineMilliseconds)
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunk.includes('event: current\n')) finish(false)
    })
    socket.once('end', () => finish(false))
    socket.once('close', () => finish(false))
    if (isLast) socket.end(bytes)
    else socket.write(bytes)
  })
}

/** The bytes of a request. The body's length is told unless a header of its own does. */
export function bytesOf(
  method: string,
  target: string,
  headers: readonly [string, string][],
  body?: string | Uint8Array,
): Buffer {
  const content = Buffer.from(body ?? '')
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`Content-Length: ${content.length}`]),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content])
}
