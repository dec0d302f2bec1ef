import { type DestinationStream, destination, pino, stdSerializers } from 'pino'
import type { Log } from '../domain/log.ts'

/** JSON lines on standard output. Errors are written with their cause; what was sent by clients never is. */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
    },
    gatheredOutput(),
  )
}

/** Of many requests one write, and still at once for who watches. */
const gatheringMilliseconds = 20

/**
 * Standard output, which gets the lines of a moment in one write: a write for each would cost a busy server more than the
 * line. A process that ends writes what it has; one that is killed by force loses its last moment.
 */
function gatheredOutput(): DestinationStream {
  const output = destination({ dest: 1, sync: true })
  let gathered = ''

  function writeOut(): void {
    process.off('exit', writeOut)
    output.write(gathered)
    gathered = ''
  }

  return {
    write: (line) => {
      if (gathered === '') {
        setTimeout(writeOut, gatheringMilliseconds)
        process.on('exit', writeOut)
      }
      gathered += line
    },
  }
}
