/**
 * Loaded before a server that is measured: it tells its parent what its process used, and where its event loop was. The
 * server itself knows nothing of it.
 */
import { Session } from 'node:inspector/promises'
import { sharesOf } from './profile.ts'

export type Usage = { cpuMicroseconds: number; loopMicroseconds: number; heapBytes: number }
/** Between `profile` and `profiled`, by the names of places. */
export type Shares = [place: string, share: number][]
export type Question = 'usage' | 'profile' | 'profiled'

/** What it took to tell: the whole heap is collected each time, which no request asked for. */
let telling = { all: 0, loop: 0 }

function used(): typeof telling {
  const [all, loop] = [process.cpuUsage(), process.threadCpuUsage()]
  return { all: all.user + all.system - telling.all, loop: loop.user + loop.system - telling.loop }
}

const samplingMicroseconds = 200
const session = new Session()

const answers: Record<Question, () => unknown> = {
  usage: () => {
    const before = used()
    globalThis.gc?.()
    const after = used()
    telling = { all: telling.all + after.all - before.all, loop: telling.loop + after.loop - before.loop }
    return {
      cpuMicroseconds: before.all,
      loopMicroseconds: before.loop,
      heapBytes: process.memoryUsage().heapUsed,
    } satisfies Usage
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
