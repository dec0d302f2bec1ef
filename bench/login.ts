import { drive } from './drive.ts'
import { median } from './measure.ts'
import { type Finding, finding, type Part } from './report.ts'
import { latchkey } from './rivals.ts'
import { person, type Server, startLatchkey } from './server.ts'

/** Places below this share of a login are not worth a line. */
const leastShare = 0.01

/** Where the time of a login goes: what its client waits for, and what it costs the event loop besides the hash. */
export const login: Part = {
  name: 'login',
  title: 'Where the time of a login goes',

  async measure({ isSmoke, progress }) {
    const hashed = await measureHashed({ cost: isSmoke ? 4 : 12, logins: isSmoke ? 3 : 40, progress })
    const size = isSmoke ? { rounds: 1, logins: 20 } : { rounds: 5, logins: 3_000 }
    return [...hashed, ...(await measureUnhashed({ ...size, progress }))]
  },
}

type Progress = { progress(text: string): void }

/** One at a time, so that none waits for another. */
async function measureHashed({ cost, logins, progress }: Progress & { cost: number; logins: number }) {
  await using server = await startLatchkey({ ...(cost < 10 && { NODE_ENV: 'test' }), BCRYPT_COST: String(cost) })
  await server.post('/api/auth/signup', person)
  progress(`${logins} logins with a hash of cost ${cost}, one at a time`)
  const before = await hashSeconds(server)
  const answers = await drive(server.port, Array<string>(logins).fill(latchkey.logIn()), 1)
  const after = await hashSeconds(server)
  const took = answers.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / logins
  const hash = ((after.sum - before.sum) * 1000) / (after.count - before.count)
  return [
    finding(`A login with bcrypt at cost ${cost}, from its request to its answer, mean`, `${took.toFixed(1)} ms`),
    finding('of which its hash, by the clock of the thread', `${hash.toFixed(1)} ms`),
    finding('of which everything else, the disk with it', `${(took - hash).toFixed(1)} ms`),
  ]
}

/** As the server itself counts it. */
async function hashSeconds({ port }: Server): Promise<{ sum: number; count: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const figure = (name: string) =>
    Number(new RegExp(`^latchkey_password_hash_duration_seconds_${name} (.+)$`, 'm').exec(text)?.[1])
  return { sum: figure('sum'), count: figure('count') }
}

async function measureUnhashed({
  rounds,
  logins,
  progress,
}: Progress & { rounds: number; logins: number }): Promise<Finding[]> {
  await using server = await latchkey.start({ hashes: 'none', limits: false, cost: 12 })
  await server.post('/api/auth/signup', person)
  const costs: { cpu: number; loop: number }[] = []
  const shares = new Map<string, number[]>()
  // The first one warms up.
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${logins} logins without a hash, round ${round} of ${rounds}`)
    const before = await server.usage()
    const profile = await server.profile(
      async () => void (await drive(server.port, Array<string>(logins).fill(latchkey.logIn()))),
    )
    const after = await server.usage()
    if (round === 0) continue
    costs.push({
      cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / logins,
      loop: (after.loopMicroseconds - before.loopMicroseconds) / logins,
    })
    for (const [place, share] of profile) shares.set(place, [...(shares.get(place) ?? []), share])
  }
  const loop = median(costs.map((cost) => cost.loop))
  const byShare = [...shares]
    .map(([place, each]) => ({ place, share: median(each) }))
    .toSorted((a, b) => b.share - a.share)
  return [
    finding(
      'A login without its hash, over 8 connections, CPU of the process while it is profiled',
      `${median(costs.map(({ cpu }) => cpu)).toFixed(0)} µs`,
    ),
    finding('of which on the event loop', `${loop.toFixed(0)} µs`),
    ...byShare
      .filter(({ share }) => share >= leastShare)
      .map(({ place, share }) => finding(place, `${(share * 100).toFixed(0)} %, ${(share * loop).toFixed(0)} µs`)),
  ]
}
