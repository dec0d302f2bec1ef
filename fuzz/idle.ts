/**
 * Holds connections that ask for nothing, from 250 addresses, and asks whether a new client is served meanwhile.
 *
 *   npm run fuzz:idle -- [--connections N]
 *
 * Ends with 1 where it is not. Prints what one of them costs the server.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { openSite } from './site.ts'
import { bytesOf, exchange } from './wire.ts'

const openedAtOnce = 200
/** Sockets of the server's own: database, log, inspector. */
const spareFiles = 100

const { values } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } })
const connections = Number(values.connections)
const files = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
if (files < connections + spareFiles) {
  console.error(
    `${connections} connections need as many open files, and this shell allows ${files}: run ulimit -n ${connections + spareFiles} first`,
  )
  process.exit(2)
}

const site = await openSite()
try {
  const residentBytes = () =>
    1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${site.pid}/status`, 'utf8'))?.[1])
  await site.heapBytes()
  const before = residentBytes()

  const held: Socket[] = []
  while (held.length < connections) {
    const count = Math.min(openedAtOnce, connections - held.length)
    held.push(...(await Promise.all(Array.from({ length: count }, (_, at) => open(held.length + at)))))
    process.stdout.write(`\r${held.length} held `)
  }
  const after = residentBytes()

  const startedAt = performance.now()
  const options = { port: site.port, from: '127.0.0.1', deadlineMilliseconds: 20_000 }
  const { answers } = await exchange(bytesOf('GET', '/readyz', []), options)
  const milliseconds = performance.now() - startedAt
  const gone = held.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length
  const kibibytes = ((after - before) / connections / 1024).toFixed(1)
  console.log(
    `\na new client got ${answers[0]?.status} in ${milliseconds.toFixed(0)} ms; ${gone} of ${connections} were let go`,
  )
  console.log(`${kibibytes} KiB of resident memory for each idle connection`)
  process.exitCode = answers[0]?.status === 200 ? 0 : 1
} finally {
  await site.close()
}
process.exit()

function open(at: number): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ port: site.port, host: '127.0.0.1', localAddress: `127.3.0.${1 + (at % 250)}` })
    socket.on('error', fail)
    socket.once('connect', () => {
      socket.off('error', fail)
      socket.on('error', () => {})
      socket.resume()
      done(socket)
    })
  })
}
