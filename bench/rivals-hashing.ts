import { setTimeout } from 'node:timers/promises'
import type { HashOrder } from './ceiling.ts'
import { startHelper } from './helper.ts'
import { median, quantile } from './measure.ts'
import { atMost, type Finding, finding, share } from './report.ts'
import { inTurns, load, openSessions, type Pair } from './rivals.ts'

/** What needs both servers with their real hashes. */
export type HashingSize = {
  rounds: number
  cost: number
  hashes: number
  stormSeconds: number
  overloadSeconds: number
  progress(text: string): void
}

/** The storm gives way to the server as a client elsewhere would, and the probe to nobody. */
const stormNice = 10
const connections = 16
const stormConnections = 64
const probesPerSecond = 100
/** Who waited longer than this has gone: an answer after it is worth nothing. */
const patienceMilliseconds = 3_000

/** Logins and signups over what the hash alone allows on the same cores, with as many hashes in the same round. */
export async function measureThroughput(pair: Pair, size: HashingSize): Promise<Finding[]> {
  const { hashes, cost } = size
  const figures = await inTurns(pair, size, 'logins and signups', async ({ rival, server: { port } }, round) => {
    // Bcrypt is the slower one: its counterpart gets more to do, so that a round of either takes seconds.
    const count = rival.name === 'Latchkey' ? hashes : 3 * hashes
    const time = async (requests: string[]) => {
      const { answers, milliseconds } = await load({ port, nice: 0, requests, connections })
      const failed = answers.filter(([status]) => status !== 200 && status !== 201)
      if (failed.length > 0) throw new Error(`Cannot measure: an answer was ${failed[0]?.[0]}`)
      return milliseconds
    }
    const ceiling = await timeHashes({ product: rival.name, count, inFlight: connections, cost })
    const login = await time(Array<string>(count).fill(rival.logIn()))
    const signup = await time(Array.from({ length: count }, (_, at) => rival.signUp(`ada${round}-${at}@example.com`)))
    return { perSecond: (count * 1000) / ceiling, login: ceiling / login, signup: ceiling / signup }
  })
  return [...figures].flatMap(([name, each]) => {
    const wanted = name === 'Latchkey' ? 0.97 : undefined
    return [
      finding(
        `Its own hash alone, on all cores: ${name}`,
        `${median(each.map(({ perSecond }) => perSecond)).toFixed(1)} /s`,
      ),
      share(`Logins of that: ${name}`, median(each.map(({ login }) => login)), wanted),
      share(`Signups of that: ${name}`, median(each.map(({ signup }) => signup)), wanted),
    ]
  })
}

async function timeHashes(order: HashOrder): Promise<number> {
  using ceiling = startHelper<HashOrder, number>('ceiling.ts')
  return await ceiling.run(order)
}

/** Session checks, started on time, alone and while others log in without pause. */
export async function measureStorm(pair: Pair, size: HashingSize): Promise<Finding[]> {
  const seconds = size.stormSeconds
  const leadSeconds = Math.min(seconds, 1)
  const figures = await inTurns(pair, size, 'session checks under a login storm', async (contender) => {
    const { rival, server } = contender
    const requests = (await openSessions(contender, 8)).map(rival.check)
    const probe = async () => {
      const { answers } = await load({ port: server.port, nice: 0, requests, perSecond: probesPerSecond, seconds })
      const took = answers.map(([, milliseconds]) => milliseconds)
      return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) }
    }
    const idle = await probe()
    const storm = load({
      port: server.port,
      nice: stormNice,
      requests: [rival.logIn()],
      connections: stormConnections,
      seconds: seconds + 1.5 * leadSeconds,
    })
    await setTimeout(leadSeconds * 1000)
    const stormed = await probe()
    await storm
    return { idle, stormed }
  })
  return [...figures].flatMap(([name, each]) => {
    const p99 = median(each.map(({ stormed }) => stormed.p99))
    const times = median(each.map(({ idle, stormed }) => stormed.p99 / idle.p99))
    const text = (kind: 'idle' | 'stormed') =>
      (['p50', 'p99'] as const).map((key) => median(each.map((figure) => figure[kind][key])).toFixed(1)).join(' and ')
    const under = `while ${stormConnections} connections log in`
    return [
      finding(`Session check, ${probesPerSecond} a second, p50 and p99 idle: ${name}`, `${text('idle')} ms`),
      finding(`The same ${under}: ${name}`, `${text('stormed')} ms`),
      ...(name === 'Latchkey'
        ? [
            atMost(`p99 ${under}: ${name}`, p99, 15, ' ms'),
            atMost(`p99 ${under}, times idle: ${name}`, times, 3, '', 2),
          ]
        : [finding(`p99 ${under}, times idle: ${name}`, times.toFixed(2))]),
    ]
  })
}

/** Logins at three times what the server can do, started on time. */
export async function measureOverload(pair: Pair, size: HashingSize): Promise<Finding[]> {
  const seconds = size.overloadSeconds
  const figures = await inTurns(pair, size, 'overload', async ({ rival, server: { port } }) => {
    const common = { port, nice: stormNice, requests: [rival.logIn()], seconds }
    const peak = useful((await load({ ...common, connections })).answers) / seconds
    const { answers } = await load({ ...common, perSecond: Math.max(3 * peak, 1) })
    const admitted = answers.filter(([status]) => status === 200).map(([, milliseconds]) => milliseconds)
    return { share: useful(answers) / seconds / peak, p99: quantile(admitted, 0.99) }
  })
  return [...figures].flatMap(([name, each]) => {
    const p99 = median(each.map((figure) => figure.p99))
    const what = `Logins answered within ${patienceMilliseconds / 1000} s at 3 times overload, of the peak: ${name}`
    const waited = `The admitted took, p99: ${name}`
    return [
      share(what, median(each.map((figure) => figure.share)), name === 'Latchkey' ? 0.9 : undefined),
      name === 'Latchkey'
        ? atMost(waited, p99, patienceMilliseconds, ' ms', 0)
        : finding(waited, `${p99.toFixed(0)} ms`),
    ]
  })
}

function useful(answers: readonly [status: number, milliseconds: number][]): number {
  return answers.filter(([status, milliseconds]) => status === 200 && milliseconds < patienceMilliseconds).length
}
