import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { median } from './measure.ts'
import { atMost, type Finding, finding, type Part } from './report.ts'
import { person, type Server, startServer } from './server.ts'

/** So long that each stream has had its heartbeats, which come every two seconds. */
const settleMilliseconds = 4_500

/** What connected verifiers cost the server. */
export const streams: Part = {
  name: 'streams',
  title: '2,000 connected streams of revocations',

  async measure({ isSmoke, progress }) {
    const [rounds, count, logins, settle] = isSmoke ? [1, 20, 3, 10] : [7, 2_000, 200, settleMilliseconds]
    await using server = await startServer()
    await server.post('/api/auth/signup', person)
    await timeLogins(server, isSmoke ? 2 : 500)

    const without: number[] = []
    const beside: number[] = []
    const grown: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      progress(`round ${round} of ${rounds}`)
      without.push(await timeLogins(server, logins))
      const before = server.residentBytes()
      const end = await openStreams(server.port, count)
      await setTimeout(settle)
      grown.push(server.residentBytes() - before)
      beside.push(await timeLogins(server, logins))
      await end()
      await setTimeout(Math.min(settle, 500))
    }
    return describe({ without, beside, firstGrown: grown[0] ?? 0, isSmoke })
  },
}

async function openStreams(port: number, count: number): Promise<() => Promise<void>> {
  const program = join(import.meta.dirname, 'streams-client.ts')
  const parameters = ['--conditions=latchkey-source', program, String(port), String(count)]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = once(child, 'exit')
  await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('The streams ended')))])
  return async () => {
    child.disconnect()
    await ended
  }
}

/** The median of logins one after the other, in milliseconds. */
async function timeLogins(server: Server, count: number): Promise<number> {
  const took: number[] = []
  for (let done = 0; done < count; done += 1) {
    const begin = performance.now()
    await server.post('/api/auth/login', person)
    took.push(performance.now() - begin)
  }
  return median(took)
}

/** The cost counts as measurable where it is more than what the rounds without streams differ by among themselves. */
function describe(facts: { without: number[]; beside: number[]; firstGrown: number; isSmoke: boolean }): Finding[] {
  const { without, beside, firstGrown, isSmoke } = facts
  const spread = Math.max(...without) - Math.min(...without)
  const difference = median(beside.map((took, at) => took - (without[at] ?? 0)))
  const milliseconds = (value: number) => `${value.toFixed(2)} ms`
  return [
    atMost('Memory of the server (RSS), growth at the first connect', firstGrown / 2 ** 20, 100, ' MiB'),
    finding('A login with bcrypt at cost 4: without streams', milliseconds(median(without))),
    finding('The same beside the streams', milliseconds(median(beside))),
    finding('Difference, median of rounds', milliseconds(difference), {
      text: `under the spread of the rounds without streams, ${milliseconds(spread)}`,
      isMet: isSmoke || difference <= spread,
    }),
  ]
}
