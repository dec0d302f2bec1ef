import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One connection of a stream on its way to a verifier. */
export type Onward = {
  send(bytes: Buffer | string): void
  /** Breaks it without a good-bye. */
  cut(): void
}

export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer }

/** What befalls what passes. Whatever is left out passes as it is. */
export type Mischief = {
  /** Takes the headers of a request, and gives those that arrive. */
  request?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders
  /** Made for each connection of the stream; takes each piece that comes for it. */
  stream?: (onward: Onward) => (piece: Buffer) => void
  /** Takes an answer that is no stream, and gives the one that arrives. */
  answer?: (path: string, answer: Answer) => Answer | Promise<Answer>
}

const streamPath = '/api/auth/revocations'

/** The network between verifiers and a server, which may move: a proxy on an address of its own that can do harm. */
export async function openNetwork() {
  const streams = new Set<ServerResponse>()
  let port: number | undefined
  let mischief: Mischief = {}
  let streamsOpened = 0
  let listsAsked = 0
  let answersToCome = 0

  const proxy = createServer((incoming, outgoing) => {
    if (port === undefined) {
      incoming.socket.destroy()
      return
    }
    const { method, url } = incoming
    const headers = mischief.request?.(incoming.headers) ?? incoming.headers
    const forwarded = request({ port, host: '127.0.0.1', method, path: url, headers, agent: false }, (answer) => {
      if (url === streamPath && answer.statusCode === 200) passStream(answer, outgoing)
      else passAnswer(url ?? '', answer, outgoing)
    })
    forwarded.on('error', () => outgoing.destroy())
    outgoing.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })

  function passStream(answer: IncomingMessage, outgoing: ServerResponse): void {
    streamsOpened += 1
    streams.add(outgoing)
    outgoing.on('close', () => streams.delete(outgoing))
    outgoing.writeHead(200, answer.headers)
    outgoing.flushHeaders()
    const onward = { send: (bytes: Buffer | string) => outgoing.write(bytes), cut: () => outgoing.destroy() }
    answer.on('data', mischief.stream?.(onward) ?? onward.send)
    answer.on('end', () => outgoing.end())
    answer.on('error', () => outgoing.destroy())
  }

  async function passAnswer(path: string, answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      if (path.includes('/status-lists')) listsAsked += 1
      answersToCome += 1
      const bytes = await bodyOf(answer).finally(() => {
        answersToCome -= 1
      })
      const whole = { status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }
      const { status, headers, body } = (await mischief.answer?.(path, whole)) ?? whole
      const { 'transfer-encoding': _, connection: __, ...kept } = headers
      outgoing.writeHead(status, { ...kept, 'content-length': body.length }).end(status === 304 ? undefined : body)
    } catch {
      outgoing.destroy()
    }
  }

  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))

  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    /** Nothing passes until the first call, and after one without a port: open connections break. */
    leadTo(next: number | undefined) {
      port = next
      if (next === undefined) proxy.closeAllConnections()
    },
    /** Also for streams that are open: they are broken. */
    suffer(next: Mischief) {
      mischief = next
      for (const stream of streams) stream.destroy()
    },
    streamsOpened: () => streamsOpened,
    listsAsked: () => listsAsked,
    /** How many answers of the server are on the way, streams aside. */
    answersToCome: () => answersToCome,
    close: () =>
      new Promise<void>((done) => {
        proxy.close(() => done())
        proxy.closeAllConnections()
      }),
  }
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of answer) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/** Takes whole events out of the pieces of a stream. */
export function byEvent(take: (event: string) => void): (piece: Buffer) => void {
  let rest = ''
  return (piece) => {
    const events = `${rest}${piece.toString()}`.split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) take(`${event}\n\n`)
  }
}
