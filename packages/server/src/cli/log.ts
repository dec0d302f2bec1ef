import { pino, stdSerializers } from 'pino'
import type { Log } from '../domain/log.ts'

/** JSON lines on standard output. Errors are written with their cause; what was sent by clients never is. */
export function createLog(level: string): Log {
  return pino({
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: stdSerializers.errWithCause },
  })
}
