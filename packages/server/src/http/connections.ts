import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { canonicalAddress, isWithin, networkOf, readRanges } from './client-address.ts'

/** How many connections a server holds at most. */
export type ConnectionLimits = {
  inAll: number
  /** From one network (an IPv4 address, the /64 of an IPv6 one). Trusted proxies stand for many and are not counted. */
  perNetwork: number
  trustedProxies: readonly string[]
}

type Network = { count: number; idle: Set<Socket> }

/**
 * Keeps room for whoever comes next: where a server, or one network on it, holds as many connections as it may, the one
 * that has been idle longest is ended. Idle is whoever is owed no answer: between two requests, before the first, or
 * with one that has not arrived whole, however slowly it comes. Where none is idle the new connection is ended.
 *
 * Does NOT bound how long a connection may be idle: that is for the server's time-outs.
 */
export function boundConnections(server: Server, { inAll, perNetwork, trustedProxies }: ConnectionLimits): void {
  const proxies = readRanges(trustedProxies)
  const networks = new Map<string, Network>()
  const networkBySocket = new WeakMap<Socket, Network>()
  /** Longest idle first. */
  const idle = new Set<Socket>()
  let held = 0

  const wake = (socket: Socket) => {
    idle.delete(socket)
    networkBySocket.get(socket)?.idle.delete(socket)
  }
  const rest = (socket: Socket) => {
    wake(socket)
    idle.add(socket)
    networkBySocket.get(socket)?.idle.add(socket)
  }

  server.prependListener('connection', (socket: Socket) => {
    const address = canonicalAddress(socket.remoteAddress ?? '') ?? 'unknown'
    const name = networkOf(address)
    const network = networks.get(name) ?? { count: 0, idle: new Set() }
    const isFull = network.count >= perNetwork && !isWithin(address, proxies)
    if (isFull || held >= inAll) {
      const [longest] = isFull ? network.idle : idle
      if (!longest) {
        socket.destroy()
        return
      }
      wake(longest)
      longest.destroy()
    }

    networks.set(name, network)
    networkBySocket.set(socket, network)
    network.count += 1
    held += 1
    rest(socket)
    socket.once('close', () => {
      wake(socket)
      network.count -= 1
      held -= 1
      if (network.count === 0) networks.delete(name)
    })
  })

  server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming
    const owe = () => {
      if (!outgoing.closed) wake(socket)
    }
    // The parser is through with the bytes at hand then, and has said whether a body is to come.
    process.nextTick(() => (incoming.complete ? owe() : incoming.once('end', owe)))
    outgoing.on('close', () => {
      if (!socket.destroyed) rest(socket)
    })
  })
}
