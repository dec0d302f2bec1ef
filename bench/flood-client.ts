/**
 * Guesses at one account from many addresses, in a process of its own: it stands for the clients of a proxy that the
 * server trusts, so that 100,000 addresses need no 100,000 sockets. Told a job by its parent, one at a time, it tells
 * what was answered.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { addressOf, type Guessed, type Guesses, loginFrom } from './flood-requests.ts'

/** The clients are elsewhere, so they must not take the cores of the server. */
const niceness = 10

async function guess({ port, email, connections, addresses, total, perSecond }: Guesses): Promise<Guessed> {
  const answered: Guessed['answered'] = {}
  const password = 'Wrong-Horse-7-Battery'
  const free = await openSockets(port, connections)
  const startedAt = performance.now()
  const isTimed = typeof total === 'object'
  let sent = 0

  const isOver = () => (isTimed ? performance.now() - startedAt >= total.seconds * 1000 : sent >= total)
  const isDue = () => perSecond === undefined || sent < ((performance.now() - startedAt) / 1000) * perSecond

  function sendOn(socket: Socket): void {
    const address = addressOf(addresses.first + (sent % addresses.count))
    socket.write(loginFrom(address, { email: email ?? `nobody${sent}@example.com`, password }))
    sent += 1
  }

  let isDone = false
  const lost = () => {
    if (!isDone) throw new Error('The server closed a connection')
  }

  /** Answers are whole when their length has come: the server always says it. */
  function listen(socket: Socket): void {
    let text = ''
    socket.once('close', lost)
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece
      const head = text.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: ([0-9]+)/i.exec(text)?.[1])
      if (head < 0 || text.length < head + 4 + length) return
      const kind = /\r\nratelimit-policy: "([a-z]+)"/i.exec(text)?.[1] ?? text.slice(9, 12)
      answered[kind] = (answered[kind] ?? 0) + 1
      text = ''
      if (!isOver() && isDue()) sendOn(socket)
      else free.push(socket)
    })
  }

  for (const socket of free) listen(socket)
  while (!isOver()) {
    while (isDue() && !isOver()) {
      const socket = free.shift()
      if (!socket) break
      sendOn(socket)
    }
    await setTimeout(1)
  }
  while (free.length < connections) await setTimeout(1)
  isDone = true
  for (const socket of free) socket.destroy()
  return { answered, milliseconds: performance.now() - startedAt }
}

async function openSockets(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    sockets.push(socket)
  }
  return sockets
}

setPriority(0, niceness)
process.on('message', async (job: Guesses) => process.send?.(await guess(job)))
