import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a request may still take to arrive: most of them come in one piece. */
const arrivalMilliseconds = 2000
/** Longer than the work on any request; what then still runs is cut off. */
const workMilliseconds = 20_000

/**
 * Watches a server, and answers how to end it: it accepts no more, lets every request that has arrived be answered,
 * and then closes every connection. A client that is slow to send, or says nothing, holds nobody up.
 */
export function watchForDrain(server: Server): () => Promise<void> {
  const connections = new Set<Socket>()
  const newest = new Map<Socket, IncomingMessage>()

  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming
    newest.set(socket, incoming)
    outgoing.once('close', () => {
      if (newest.get(socket) === incoming) newest.delete(socket)
    })
  })

  function cutOffWhoHasNotArrived(): void {
    for (const socket of connections) if (!newest.get(socket)?.complete) socket.destroy()
  }

  return async () => {
    const closed = new Promise((done) => server.close(done))
    const timers = [
      setInterval(() => server.closeIdleConnections(), 50),
      setTimeout(cutOffWhoHasNotArrived, arrivalMilliseconds),
      setTimeout(() => server.closeAllConnections(), workMilliseconds),
    ]
    await closed
    for (const timer of timers) clearTimeout(timer)
  }
}
