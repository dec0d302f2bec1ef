import { drive, exchange, open } from './drive.ts'
import { median, quantile } from './measure.ts'
import { atMost, type Finding, finding } from './report.ts'
import { type Contender, inTurns, openSessions, type Pair, type Rival } from './rivals.ts'

/** What is measured without hashes: all of it is the server's own work. */
export type RequestsSize = {
  rounds: number
  requests: number
  writes: number
  /** For memory. */
  many: number
  progress(text: string): void
}

const connections = 8
const mostPassed = 10

type Cost = { cpu: number; loop: number; perSecond: number; p99: number }

/** What each request costs, in microseconds of the whole process and of its event loop. */
async function costOf({ server }: Contender, requests: readonly string[], isAnswered = true): Promise<Cost> {
  const before = await server.usage()
  const startedAt = performance.now()
  const took = isAnswered ? await drive(server.port, requests, connections) : await driveRefused(server.port, requests)
  const seconds = (performance.now() - startedAt) / 1000
  const after = await server.usage()
  return {
    cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / requests.length,
    loop: (after.loopMicroseconds - before.loopMicroseconds) / requests.length,
    perSecond: requests.length / seconds,
    p99: quantile(
      took.map(({ milliseconds }) => milliseconds),
      0.99,
    ),
  }
}

/** All but the few that pass when a window ends in the middle. */
async function driveRefused(port: number, requests: readonly string[]) {
  const answers = await drive(port, requests, connections, { takesAll: true })
  const others = answers.filter(({ status }) => status !== 429)
  if (others.length > mostPassed) throw new Error(`Cannot measure refusals: an answer was ${others[0]?.text}`)
  return answers
}

type Work = (contender: Contender) => Promise<Cost>

/** The medians of rounds in which all take turns, the first of which warms up and does not count. */
async function costsInTurns(pair: Pair, { rounds, progress }: RequestsSize, what: string, work: Work) {
  const costs = await inTurns(pair, { rounds: rounds + 1, progress }, what, work)
  const medianOf = ([, ...counted]: readonly Cost[], key: keyof Cost) => median(counted.map((cost) => cost[key]))
  return [...costs].map(([name, all]) => ({
    name,
    cpu: medianOf(all, 'cpu'),
    loop: medianOf(all, 'loop'),
    perSecond: medianOf(all, 'perSecond'),
    p99: medianOf(all, 'p99'),
  }))
}

/** Of requests that write nothing: the other takes ten times as long for each. */
function countFor({ rival }: Contender, { requests }: RequestsSize): number {
  return rival.name === 'Latchkey' ? requests : Math.ceil(requests / 10)
}

/** What is promised holds for ours. */
function promised(name: Rival['name'], what: string, value: number, limit: number, unit: string, digits = 0): Finding {
  const text = `${what}: ${name}`
  return name === 'Latchkey'
    ? atMost(text, value, limit, unit, digits)
    : finding(text, `${value.toFixed(digits)}${unit}`)
}

export async function measureLogin(pair: Pair, size: RequestsSize): Promise<Finding[]> {
  const costs = await costsInTurns(pair, size, 'logins without a hash', (contender) =>
    costOf(contender, Array<string>(size.writes).fill(contender.rival.logIn())),
  )
  return costs.flatMap(({ name, cpu, loop }) => [
    promised(name, 'A login besides its hash, CPU', cpu / 1000, 1, ' ms', 2),
    finding(`Of that on the event loop: ${name}`, `${(loop / 1000).toFixed(2)} ms`),
  ])
}

export async function measureCheck(pair: Pair, size: RequestsSize): Promise<Finding[]> {
  const sessions = new Map<Rival['name'], string[]>()
  for (const contender of pair.each) {
    const { rival } = contender
    sessions.set(rival.name, (await openSessions(contender, 50)).map(rival.check))
  }
  const costs = await costsInTurns(pair, size, 'session checks', (contender) => {
    const { name } = contender.rival
    const of = sessions.get(name) ?? []
    return costOf(
      contender,
      Array.from({ length: countFor(contender, size) }, (_, at) => of[at % of.length] ?? ''),
    )
  })
  return costs.flatMap(({ name, cpu, perSecond, p99 }) => [
    promised(name, 'A session check, CPU', cpu, 100, ' µs'),
    finding(`Session checks over ${connections} connections: ${name}`, `${perSecond.toFixed(0)} /s`),
    finding(`Their p99: ${name}`, `${p99.toFixed(1)} ms`),
  ])
}

export async function measureWrites(pair: Pair, size: RequestsSize): Promise<Finding[]> {
  const findings: Finding[] = []
  const kinds = [
    { what: 'Refreshes', requestOf: (rival: Rival) => rival.refresh },
    { what: 'Logouts', requestOf: (rival: Rival) => rival.logOut },
  ]
  for (const { what, requestOf } of kinds) {
    const costs = await costsInTurns(pair, size, what, async (contender) => {
      const sessions = await openSessions(contender, size.writes)
      return costOf(contender, sessions.map(requestOf(contender.rival)))
    })
    for (const { name, cpu, perSecond } of costs) {
      const isMet = perSecond >= 1500
      const wanted = name === 'Latchkey' ? { text: 'at least 1500 /s', isMet } : undefined
      findings.push(finding(`${what} on SQLite: ${name}`, `${perSecond.toFixed(0)} /s`, wanted))
      findings.push(finding(`CPU of each: ${name}`, `${cpu.toFixed(0)} µs`))
    }
  }
  return findings
}

/** With their limits on: logins from an address that has had its share. */
export async function measureRefusals(pair: Pair, size: RequestsSize): Promise<Finding[]> {
  for (const { rival, server } of pair.each) {
    const socket = await open(server.port)
    for (let sent = 0; sent < 20; sent += 1) await exchange(socket, rival.logIn())
    socket.destroy()
  }
  const costs = await costsInTurns(pair, size, 'refusals', (contender) =>
    costOf(contender, Array<string>(countFor(contender, size)).fill(contender.rival.logIn()), false),
  )
  return costs.map(({ name, cpu }) => promised(name, 'A refusal (429), CPU', cpu, 100, ' µs'))
}

export function measureStart(pair: Pair): Finding[] {
  return pair.each.flatMap(({ rival: { name }, server }) => [
    finding(`Start: ${name}`, `${server.startMilliseconds.toFixed(0)} ms`),
    finding(`Memory at rest, after an account was made (RSS): ${name}`, `${mebibytes(server.residentBytes())} MiB`),
  ])
}

/** Of ours alone: the heap after so many session checks over the heap after a tenth of them. */
export async function measureMemory({ each }: Pair, { many, progress }: RequestsSize): Promise<Finding[]> {
  const ours = each.find(({ rival }) => rival.name === 'Latchkey')
  if (!ours) throw new Error('Cannot measure memory: our server is not there')
  const checks = (await openSessions(ours, 50)).map(ours.rival.check)
  const tenths: { heap: number; resident: number }[] = []
  for (let tenth = 0; tenth < 10; tenth += 1) {
    progress(`memory: ${tenth} tenths of ${many} session checks`)
    await drive(ours.server.port, repeat(checks, many / 10), connections, { keeps: false })
    tenths.push({ heap: await ours.server.heapBytes(), resident: ours.server.residentBytes() })
  }
  const [first, last] = [tenths[0], tenths.at(-1)]
  if (!first || !last) throw new Error('Cannot measure memory: nothing was asked')
  return [
    finding(`Memory after ${many} session checks (RSS): Latchkey`, `${mebibytes(last.resident)} MiB`),
    atMost('Live heap then, times that after a tenth of them: Latchkey', last.heap / first.heap, 1.1, '', 2),
  ]
}

function* repeat(requests: readonly string[], count: number): Generator<string> {
  for (let at = 0; at < count; at += 1) yield requests[at % requests.length] ?? ''
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}
