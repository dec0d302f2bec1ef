import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Sends each request in its turn over as many connections, one at a time on each; throws at an answer that is not 200. */
export async function drive(port: number, requests: readonly string[], connections = 8): Promise<void> {
  const queue = [...requests]
  const lines = Array.from({ length: connections }, async () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    try {
      for (let request = queue.pop(); request !== undefined; request = queue.pop()) await exchange(socket, request)
    } finally {
      socket.destroy()
    }
  })
  await Promise.all(lines)
}

/** The answers are short: each comes in one piece. */
async function exchange(socket: Socket, request: string): Promise<void> {
  socket.write(request)
  const [answer] = await once(socket, 'data')
  if (!String(answer).startsWith('HTTP/1.1 200')) throw new Error(`Cannot measure: the answer was ${answer}`)
}
