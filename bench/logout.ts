import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { median, quantile } from './measure.ts'
import { atMost, finding, type Part } from './report.ts'
import { person, type Server, startServer } from './server.ts'

/** Whoever has not refused by then has missed it. */
const patienceMilliseconds = 5_000

/** In milliseconds from the answer of the logout, and for how long of it the verifier's process waited for a core. */
type Refusal = { took: number; waited: number }

/** From the answer of the logout to the refusal in every verifier. */
export const logout: Part = {
  name: 'logout',
  title: 'From the answer of a logout to the refusal in each of 8 verifiers',

  async measure({ isSmoke, progress }) {
    const [runs, verifiers, logouts] = isSmoke ? [1, 2, 3] : [5, 8, 1_000]
    await using server = await startServer()
    await server.post('/api/auth/signup', person)
    const fleet = await Promise.all(Array.from({ length: verifiers }, () => startVerifier(server.url)))
    try {
      const live = await logIn(server, isSmoke ? 2 : 50)
      for (const verifier of fleet) verifier.send({ live })
      const results: Refusal[][] = []
      for (let run = 1; run <= runs; run += 1) {
        progress(`run ${run} of ${runs}: ${logouts} logouts`)
        results.push(await runLogouts(server, fleet, logouts))
      }
      return describe(results, { verifiers, logouts, isSmoke })
    } finally {
      for (const verifier of fleet) verifier.disconnect()
    }
  },
}

async function startVerifier(issuer: string): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'logout-verifier.ts')
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
  const child = spawn(process.execPath, ['--conditions=latchkey-source', program, issuer], { stdio: [...stdio] })
  await once(child, 'message')
  return child
}

async function logIn(server: Server, count: number): Promise<string[]> {
  const tokens: string[] = []
  for (let done = 0; done < count; done += 1) {
    const { access_token } = await server.post('/api/auth/login', person)
    tokens.push(String(access_token))
  }
  return tokens
}

/** One logout after the other, each of a session that every verifier knows. */
async function runLogouts(server: Server, fleet: readonly ChildProcess[], logouts: number): Promise<Refusal[]> {
  const refused: Refusal[] = []
  for (const token of await logIn(server, logouts)) {
    const ready = fleet.map((verifier) => once(verifier, 'message'))
    for (const verifier of fleet) verifier.send({ watch: token })
    await Promise.all(ready)

    const refusals = fleet.map(refusalBy)
    await server.post('/api/auth/logout', {}, token)
    const answeredAt = Number(process.hrtime.bigint()) / 1e6
    for (const { refusedAt, waitedMilliseconds } of await Promise.all(refusals)) {
      const took = Math.max(refusedAt - answeredAt, 0)
      refused.push({ took, waited: Math.min(waitedMilliseconds, took) })
    }
  }
  return refused
}

type Seen = { refusedAt: number; waitedMilliseconds: number }

async function refusalBy(verifier: ChildProcess): Promise<Seen> {
  const end = new AbortController()
  const never: Seen = { refusedAt: Number.POSITIVE_INFINITY, waitedMilliseconds: 0 }
  const missed = setTimeout(patienceMilliseconds, never, { signal: end.signal }).catch(() => never)
  const refused = once(verifier, 'message').then(([seen]) => seen as Seen)
  const first = await Promise.race([refused, missed])
  end.abort()
  return first
}

function describe(
  results: readonly Refusal[][],
  { verifiers, logouts, isSmoke }: { verifiers: number; logouts: number; isSmoke: boolean },
) {
  const taken = results.map((refused) => refused.map(({ took }) => took))
  const ofRuns = (share: number) => median(taken.map((run) => quantile(run, share)))
  const all = results.flat()
  const missed = all.filter(({ took }) => took === Number.POSITIVE_INFINITY).length
  const slowest = all.reduce((one, other) => (other.took > one.took ? other : one))
  const slowestOnCore = Math.max(...all.map(({ took, waited }) => took - waited))
  return [
    finding('Refusals', `${results.length} runs x ${logouts} x ${verifiers}`),
    finding('Missed', String(missed), { text: '0', isMet: missed === 0 }),
    atMost('p50, median of runs', ofRuns(0.5), isSmoke ? patienceMilliseconds : 10, ' ms'),
    atMost('p99, median of runs', ofRuns(0.99), isSmoke ? patienceMilliseconds : 100, ' ms'),
    finding('Slowest of all', `${slowest.took.toFixed(1)} ms`),
    finding('of which its process waited for a core', `${slowest.waited.toFixed(1)} ms`),
    finding('Slowest of all, such waits taken off', `${slowestOnCore.toFixed(1)} ms`),
  ]
}
