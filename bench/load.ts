import { setTimeout } from 'node:timers/promises'
import { sessionsPerList } from '../packages/server/src/domain/status-list.ts'
import { createVerifier } from '../packages/verify/src/index.ts'
import { median } from './measure.ts'
import { atMost, finding, type Part } from './report.ts'
import { startIssuer } from './tokens.ts'

const revokedShare = 0.3

/** All revocations of many sessions: how soon a verifier that starts has them, and what they take. */
export const load: Part = {
  name: 'load',
  title: '10 million sessions, 3 million of them revoked, in one verifier',

  async measure({ isSmoke, progress }) {
    const [rounds, sessions] = isSmoke ? [1, 3 * sessionsPerList] : [9, 10_000_000]
    const lists = Math.ceil(sessions / sessionsPerList)
    progress(`signing ${lists} lists`)
    await using issuer = await startIssuer({ lists, revokedShare })
    const times: number[] = []
    let bits = 0
    let grown = 0
    progress('loading them')
    for (let round = 0; round < rounds; round += 1) {
      globalThis.gc?.()
      const before = process.memoryUsage()
      const begin = performance.now()
      const verifier = createVerifier({ issuer: issuer.url })
      await verifier.ready()
      times.push(performance.now() - begin)
      await setTimeout(50)
      globalThis.gc?.()
      const after = process.memoryUsage()
      grown = after.heapUsed + after.external - before.heapUsed - before.external
      bits = verifier.status().revocations?.memoryBytes ?? 0
      verifier.close()
    }
    return [
      atMost(`${lists} lists over loopback HTTP, loaded and verified`, median(times), 1_000, ' ms', 0),
      atMost('Bits in memory', bits / 2 ** 20, 4, ' MiB', 2),
      finding('Heap and buffers of the process, growth', `${(grown / 2 ** 20).toFixed(2)} MiB`),
    ]
  },
}
