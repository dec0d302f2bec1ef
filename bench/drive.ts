import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type Answer = { status: number; milliseconds: number; text: string }

/** Sends each request in its turn over as many connections, one at a time on each; throws at an answer that is not 2xx, unless `takesAll`. Answers what `keeps`. */
export async function drive(
  port: number,
  requests: Iterable<string>,
  connections = 8,
  { keeps = true, takesAll = false } = {},
): Promise<Answer[]> {
  const queue = requests[Symbol.iterator]()
  const answers: Answer[] = []
  const lines = Array.from({ length: connections }, async () => {
    const socket = await open(port)
    try {
      for (let next = queue.next(); !next.done; next = queue.next()) {
        const answer = await exchange(socket, next.value)
        if (!takesAll && !isSuccess(answer)) throw new Error(`Cannot measure: the answer was ${answer.text}`)
        if (keeps) answers.push(answer)
      }
    } finally {
      socket.destroy()
    }
  })
  await Promise.all(lines)
  return answers
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

export async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

export async function exchange(socket: Socket, request: string): Promise<Answer> {
  const startedAt = performance.now()
  socket.write(request)
  let text = ''
  while (!isWhole(text)) {
    const [piece] = await once(socket, 'data')
    text += piece
  }
  return { status: Number(text.slice(9, 12)), milliseconds: performance.now() - startedAt, text }
}

/** As far as the servers measured here go: a length, or chunks to the last. */
function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /\r\ncontent-length: ([0-9]+)/i.exec(text.slice(0, head))?.[1]
  if (length !== undefined)
    return Buffer.byteLength(text) >= Buffer.byteLength(text.slice(0, head)) + 4 + Number(length)
  return !/\r\ntransfer-encoding: chunked/i.test(text.slice(0, head)) || text.endsWith('\r\n0\r\n\r\n')
}
