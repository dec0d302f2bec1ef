/**
 * Many verifiers' connections in one process, for `streams.ts`: each reads the stream of revocations and does nothing.
 *
 *   node bench/streams-client.ts PORT COUNT    over IPC it says when all have heard, and ends when it is left
 */
import { connect } from 'node:net'

/** Each address of its own may have 256. */
const streamsPerAddress = 200

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
let heard = 0

for (let at = 0; at < count; at += 1) {
  const localAddress = `127.0.1.${1 + Math.floor(at / streamsPerAddress)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.write('GET /api/auth/revocations HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n')
  socket.once('data', (answer) => {
    if (!String(answer).startsWith('HTTP/1.1 200')) throw new Error(`Cannot measure: the answer was ${answer}`)
    heard += 1
    if (heard === count) process.send?.({ isReady: true })
  })
  socket.on('data', () => {})
  socket.on('close', () => process.exit(1))
}
process.on('disconnect', () => process.exit())
