import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** A way to one server, and the weather on it. */
export type Route = {
  /** Where the server listens now; undefined where it does not. */
  port: number | undefined
  /** Added to each piece of data, each way. */
  delayMilliseconds: number
  /** Nothing passes and nothing is refused, until this resolves: a cable pulled out. */
  passing: Promise<void>
  /** The next COMMIT is carried out, and its answer lost. */
  losesCommit: boolean
  /** How many answers to a COMMIT were lost. */
  commitsLost: number
  /** Ends every connection, and takes no other until it is mended. */
  cut(): void
  mend(): void
}

type OwnRoute = Route & { isCut: boolean; ends: Set<() => void> }

export function routeTo(port?: number): Route {
  const route: OwnRoute = {
    port,
    delayMilliseconds: 0,
    passing: Promise.resolve(),
    losesCommit: false,
    commitsLost: 0,
    isCut: false,
    ends: new Set(),
    cut: () => {
      route.isCut = true
      for (const end of route.ends) end()
    },
    mend: () => {
      route.isCut = false
    },
  }
  return route
}

/**
 * Listens on a free port of loopback and carries each connection to one of the routes, in turns. One that cannot be
 * reached is passed over: nothing was sent by then, so nothing is done twice.
 */
export async function openProxy(routes: readonly Route[]): Promise<{ port: number; close(): void }> {
  const clients = new Set<Socket>()
  let turn = 0

  async function carry(client: Socket): Promise<void> {
    turn += 1
    for (let at = 0; at < routes.length; at += 1) {
      const route = routes[(turn + at) % routes.length] as OwnRoute
      const upstream = await reach(route)
      if (upstream) {
        join(client, upstream, route)
        return
      }
    }
    client.destroy()
  }

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    clients.add(client)
    client.on('error', () => {}).on('close', () => clients.delete(client))
    void carry(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      for (const client of clients) client.destroy()
    },
  }
}

async function reach({ port, isCut, passing }: OwnRoute): Promise<Socket | undefined> {
  if (port === undefined || isCut) return undefined
  await passing
  const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  upstream.on('error', () => {})
  const isOpen = await Promise.race([
    once(upstream, 'connect').then(() => true),
    once(upstream, 'close').then(() => false),
  ]).catch(() => false)
  return isOpen ? upstream : undefined
}

function join(client: Socket, upstream: Socket, route: OwnRoute): void {
  const end = () => {
    route.ends.delete(end)
    client.destroy()
    upstream.destroy()
  }
  route.ends.add(end)
  if (route.isCut || client.destroyed) {
    end()
    return
  }

  let hidesAnswer = false
  pump(client, upstream, {
    route,
    end,
    onData: (data) => {
      if (!route.losesCommit || !data.includes('commit\0')) return
      route.losesCommit = false
      hidesAnswer = true
    },
  })
  pump(upstream, client, {
    route,
    end,
    onData: () => {
      if (!hidesAnswer) return
      route.commitsLost += 1
      end()
    },
  })
  client.resume()
}

/** Carries data one way in its order, as the weather of the moment allows. */
function pump(
  from: Socket,
  to: Socket,
  { route, end, onData }: { route: OwnRoute; end: () => void; onData: (data: Buffer) => void },
): void {
  let last: Promise<void> = Promise.resolve()
  const inOrder = (pass: () => void) => {
    const dueAt = performance.now() + route.delayMilliseconds
    const before = last
    last = (async () => {
      await before
      const wait = dueAt - performance.now()
      if (wait > 0) await setTimeout(wait)
      await route.passing
      if (!to.destroyed) pass()
    })()
  }
  from.on('data', (data: Buffer) => {
    onData(data)
    inOrder(() => to.write(data))
  })
  from.on('end', () => inOrder(() => to.end()))
  from.on('close', (hadError) => (hadError ? end() : inOrder(end)))
}
