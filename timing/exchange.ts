import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type Question = { method?: 'GET' | 'POST'; path: string; body?: object; token?: string }
export type Answer = { status: number; body: string; microseconds: number }

/** A connection from an address of its own, on which one request follows another. */
export type Line = { ask(question: Question): Promise<Answer>; close(): void }

let addresses = 0

/**
 * Another loopback address for every client, so that the limit of attempts an address stays on and is never met. On
 * Linux all of 127.0.0.0/8 is at hand.
 */
function freshAddress(): string {
  addresses += 1
  return `127.${1 + (addresses >> 16)}.${(addresses >> 8) & 255}.${addresses & 255}`
}

export async function openLine(port: number): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: freshAddress(), noDelay: true })
  await once(socket, 'connect')
  return { ask: (question) => exchange(socket, question), close: () => socket.destroy() }
}

/** Measures from the write to the last byte of the answer. */
async function exchange(socket: Socket, question: Question): Promise<Answer> {
  const bytes = spelled(question)
  let text = ''
  const answered = Promise.withResolvers<bigint>()
  const fail = () => answered.reject(new Error(`Cannot measure: the connection ended, after ${JSON.stringify(text)}`))
  const listen = (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (isWhole(text)) answered.resolve(process.hrtime.bigint())
  }
  socket.on('data', listen).on('close', fail).on('error', answered.reject)
  try {
    const askedAt = process.hrtime.bigint()
    socket.write(bytes)
    const microseconds = Number((await answered.promise) - askedAt) / 1000
    const [head = '', body = ''] = text.split('\r\n\r\n')
    return { status: Number(head.slice(9, 12)), body, microseconds }
  } finally {
    socket.off('data', listen).off('close', fail).off('error', answered.reject)
  }
}

function spelled({ method = 'POST', path, body, token }: Question): Buffer {
  const content = body === undefined ? '' : JSON.stringify(body)
  const headers = [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(content)}`]),
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
  ]
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${content}`)
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const head = text.slice(0, end)
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`Cannot measure: an answer without a length: ${head}`)
  return text.length >= end + 4 + Number(length)
}
