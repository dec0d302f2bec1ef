/**
 * What requests cost with many users, side by side with what they cost with few. Each figure is the median over random
 * users, whose requests to the two databases take turns; a login is told without the hash. Seeds both databases by
 * itself, tells how far it is, writes its places on docs/performance.md, and leaves no database behind. Ends with 1 where
 * the many cost more than 1.5 times as much.
 *
 *   npm run bench:growth                        both engines: some 15 GB for a while, and the better part of an hour
 *   npm run bench:growth -- --engine postgres   one of them
 *   npm run bench:growth -- --divide 100        with a hundredth of the many, to try it out: writes nothing
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { assemble, hashesOf, passwordsOf } from '../packages/server/src/cli/assemble.ts'
import { loadConfig } from '../packages/server/src/config/load-config.ts'
import { startPostgres } from '../packages/server/src/testing/embedded-postgres.ts'
import { median } from './measure.ts'
import { atMost, describeMachine, type Finding, terminalTable, writeInto } from './report.ts'

const password = 'SecurePass123'
const rounds = 1_000
const mostTimes = 1.5
const requests = ['login', 'refresh', 'me', 'session list', 'event page'] as const
const few = { users: 1_000, sessions: 5_000, events: 20_000 }
const many = { users: 1_000_000, sessions: 5_000_000, events: 20_000_000 }
const settings = {
  NODE_ENV: 'test',
  BCRYPT_COST: '4',
  RATE_LIMIT_LOGIN: 'off',
  RATE_LIMIT_ACCOUNT: 'off',
  PASSWORD_BLOCKLIST: 'off',
}
/** As a server that people use: the embedded one is set for tests, which need no disk. */
const postgresSettings = {
  fsync: 'on',
  full_page_writes: 'on',
  autovacuum: 'on',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
}

type Sizes = typeof few

/** Where the two databases of an engine are, made now. */
type Ground = { few: string; many: string; afterSeed(): Promise<void>; remove(): Promise<void> | void }

const grounds: Record<string, () => Ground | Promise<Ground>> = {
  sqlite: () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-growth-'))
    const [small, large] = [join(folder, 'few.db'), join(folder, 'many.db')]
    return {
      few: `sqlite:${small}`,
      many: `sqlite:${large}`,
      // So that the disk counts for what is written alone. What a Postgres has just written is in memory.
      afterSeed: async () => {
        for (const path of [small, large]) await readWhole(path)
      },
      remove: () => rmSync(folder, { recursive: true }),
    }
  },
  postgres: async () => {
    const server = await startPostgres(postgresSettings)
    const urlOf = (schema: string) => `${server.url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`
    await runSql(server.url, 'create schema few; create schema many')
    return {
      few: urlOf('few'),
      many: urlOf('many'),
      // Else it would go on behind the measurement, as it does once after so many rows.
      afterSeed: async () => {
        for (const schema of ['few', 'many']) await runSql(urlOf(schema), 'vacuum analyze')
        await runSql(server.url, 'checkpoint')
      },
      remove: server.stop,
    }
  },
}

async function runSql(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** Brings a file into the memory of the system. */
async function readWhole(path: string): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: 2 ** 22 }));
}

/** In a process of its own, which draws the progress bar. */
async function seed(url: string, sizes: Sizes): Promise<void> {
  const flags = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)])
  const command = ['--conditions=latchkey-source', 'packages/server/src/cli/main.ts', 'bench', 'seed', ...flags]
  const env = { ...process.env, ...settings, DATABASE_URL: url }
  const seeding = spawn(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const [status] = await once(seeding, 'exit')
  if (status !== 0) throw new Error('Cannot measure: the seed failed')
}

/** A product on one database, and the requests that are timed on it, for the user of a round. */
async function subject(url: string, { users }: Sizes) {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const config = loadConfig({ ...settings, DATABASE_URL: url })
  const { app, close } = assemble(config, { log: silent })
  const emails = Array.from({ length: rounds + 1 }, () => {
    const number = Math.floor(Math.random() * users)
    return `user${String(number).padStart(7, '0')}@bench.example`
  })
  const signedIn: { token: string; refresh_token: string }[] = []

  /** Answers how long the request took, without a socket but with everything else, down to the text of the answer. */
  async function ask(round: number, path: string, body?: object): Promise<number> {
    const request = new Request(`http://localhost:8000/api/auth/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${signedIn[round]?.token}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const startedAt = performance.now()
    const response = await app.fetch(request, { remoteAddress: `10.9.${round >> 8}.${round & 255}` })
    const text = await response.text()
    const milliseconds = performance.now() - startedAt
    if (response.status !== 200) throw new Error(`Cannot measure ${path}: it answers ${response.status} ${text}`)
    if (path === 'login') signedIn[round] = JSON.parse(text)
    return milliseconds
  }

  return {
    close,
    ways: {
      login: (round: number) => ask(round, 'login', { email: emails[round], password }),
      refresh: (round: number) => ask(round, 'refresh', { refresh_token: signedIn[round]?.refresh_token }),
      me: (round: number) => ask(round, 'me'),
      'session list': (round: number) => ask(round, 'sessions'),
      'event page': (round: number) => ask(round, 'events?limit=20'),
    },
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

/** What a login spends on the hash, with the way to the worker and back. */
async function hashTime(): Promise<number> {
  const config = loadConfig(settings)
  const hashes = hashesOf(config, () => {})
  const passwords = passwordsOf(config, hashes)
  const order = { purpose: 'login', network: 'bench' } as const
  const hash = await passwords.hash(password, order)
  const times: number[] = []
  for (let at = 0; at < rounds; at += 1) times.push(await timed(() => passwords.matches(password, hash, order)))
  await hashes.close()
  return median(times)
}

type Subject = Awaited<ReturnType<typeof subject>>

/** How long a request takes on each, in milliseconds. */
async function compare(name: (typeof requests)[number], subjects: readonly [Subject, Subject]) {
  const times: [number[], number[]] = [[], []]
  // The first round warms up and does not count. Whoever goes first changes from round to round.
  for (let round = 0; round <= rounds; round += 1) {
    for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const milliseconds = await subjects[which].ways[name](round)
      if (round > 0) times[which].push(milliseconds)
    }
  }
  return [median(times[0]), median(times[1])] as const
}

async function measure(ground: Ground, sizes: Sizes): Promise<Finding[]> {
  await seed(ground.few, few)
  await seed(ground.many, sizes)
  await ground.afterSeed()
  const subjects = [await subject(ground.few, few), await subject(ground.many, sizes)] as const
  try {
    const hash = await hashTime()
    const findings: Finding[] = []
    for (const name of requests) {
      const [one, other] = await compare(name, subjects)
      const spared = name === 'login' ? hash : 0
      const [before, after] = [one - spared, other - spared]
      const what = `${name}: ${before.toFixed(2)} ms with few, ${after.toFixed(2)} ms with many, times as much`
      findings.push(atMost(what, after / before, mostTimes, '', 2))
    }
    return findings
  } finally {
    for (const { close } of subjects) await close()
  }
}

const { values } = parseArgs({
  options: { engine: { type: 'string', multiple: true }, divide: { type: 'string', default: '1' } },
})
const divisor = Number(values.divide)
const sizes = {
  users: Math.ceil(many.users / divisor),
  sessions: Math.ceil(many.sessions / divisor),
  events: Math.ceil(many.events / divisor),
}
const pagePath = join(import.meta.dirname, '../docs/performance.md')

for (const engine of values.engine ?? Object.keys(grounds)) {
  const lay = grounds[engine]
  if (!lay) throw new Error(`Cannot measure "${engine}": there are ${Object.keys(grounds).join(', ')}`)
  const ground = await lay()
  const interrupted = async () => {
    await ground.remove()
    process.exit(130)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const findings = await measure(ground, sizes)
    const machine = describeMachine()
    console.log(`\nGrowth, ${engine}, ${sizes.users} users\n${terminalTable(findings)}\n  ${machine}`)
    if (divisor === 1) {
      const page = readFileSync(pagePath, 'utf8')
      writeFileSync(pagePath, writeInto(page, { name: `growth-${engine}` }, machine, findings))
    }
    if (findings.some(({ wanted }) => wanted?.isMet === false)) process.exitCode = 1
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await ground.remove()
  }
}
