/**
 * Loaded before a server that is measured: it tells its parent what its process used, and where its event loop was. The
 * server itself knows nothing of it.
 */
import { Session } from 'node:inspector/promises'
import { sharesOf } from './profile.ts'

export type Usage = { cpuMicroseconds: number; loopMicroseconds: number }
/** Between `profile` and `profiled`, by the names of places. */
export type Shares = [place: string, share: number][]
export type Question = 'usage' | 'heapBytes' | 'profile' | 'profiled'

const samplingMicroseconds = 200
const session = new Session()

const answers: Record<Question, () => unknown> = {
  // Nothing is collected for it: requests after that would pay for memory and compiled code that a server keeps.
  usage: () => {
    const [all, loop] = [process.cpuUsage(), process.threadCpuUsage()]
    return {
      cpuMicroseconds: all.user + all.system,
      loopMicroseconds: loop.user + loop.system,
    } satisfies Usage
  },
  heapBytes: () => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  },
  profile: async () => {
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: samplingMicroseconds })
    await session.post('Profiler.start')
    return true
  },
  profiled: async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return [...sharesOf(profile)] satisfies Shares
  },
}

process.on('message', async (question: Question) => process.send?.(await answers[question]()))
process.channel?.unref()
