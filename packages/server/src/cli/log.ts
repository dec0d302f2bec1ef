import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino'
import type { Log } from '../domain/log.ts'

/** JSON lines on standard output. Errors are written with their cause; what was sent by clients never is. */
export function createLog(level: string): Log {
  const output = gatheredOutput()
  const log = pino(
    {
      level,
      base: null,
      timestamp: timeNow,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
    },
    output,
  )
  return log.isLevelEnabled('info') ? withQuickInfo(log, output) : log
}

/** The line of every request is one of `info`: pino makes JSON of each field by itself, which takes twice as long. */
function withQuickInfo(log: Logger, output: DestinationStream): Log {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => {
      if ('error' in fields) log.info(fields, message)
      else output.write(`{"level":"info"${timeNow()},${JSON.stringify({ ...fields, msg: message }).slice(1)}\n`)
    },
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  }
}

function timeNow(): string {
  return `,"time":"${new Date().toISOString()}"`
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
