import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a request may still take to arrive: most of them come in one piece. */
const arrivalMilliseconds = 2000
/** Longer than the work on any request; what then still runs is cut off. */
const workMilliseconds = 20_000

type Exchange = { incoming: IncomingMessage; outgoing: ServerResponse }

/**
 * Watches a server, and answers how to end it: it accepts no more, lets every request that has arrived be answered,
 * and then closes every connection. A client that is slow to send, or says nothing, holds nobody up. From then on
 * answers say `Connection: close`; of requests that came in one piece the last, since nothing is sent after it.
 */
export function watchForDrain(server: Server): () => Promise<void> {
  const connections = new Set<Socket>()
  const newest = new Map<Socket, Exchange>()
  let isDraining = false

  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  // Before whoever answers, who may do so at once.
  server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming
    const previous = newest.get(socket)
    newest.set(socket, { incoming, outgoing })
    if (isDraining) endAfter(outgoing, previous?.outgoing)
    outgoing.on('close', () => {
      if (newest.get(socket)?.outgoing === outgoing) newest.delete(socket)
    })
  })

  function cutOffWhoHasNotArrived(): void {
    for (const socket of connections) if (!newest.get(socket)?.incoming.complete) socket.destroy()
  }

  return async () => {
    isDraining = true
    for (const { outgoing } of newest.values()) endAfter(outgoing)
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

/** Makes an answer the last of its connection, in place of the one before it. What is on its way stays as it is. */
function endAfter(outgoing: ServerResponse, previous?: ServerResponse): void {
  if (previous && !previous.headersSent) previous.removeHeader('connection')
  if (!outgoing.headersSent) outgoing.setHeader('connection', 'close')
}
