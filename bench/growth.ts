/**
 * What requests cost with many users, side by side with what they cost with few. Each figure is the median over random
 * users, whose requests to the two databases take turns; a login is told without the hash. Both databases are read once
 * before, so that the disk counts for what is written alone. Ends with 1 where the many cost more than 1.5 times as much.
 *
 *   npm run bench:growth               seeds both databases: 1,000 users, and 1,000,000 (some 10 GB, a quarter of an hour)
 *   npm run bench:growth -- LARGE.db   against one that `latchkey bench seed` made, under the same settings as here
 */
import { spawnSync } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble, hashesOf, passwordsOf } from '../packages/server/src/cli/assemble.ts'
import { openConfiguredDatabase } from '../packages/server/src/cli/database.ts'
import { loadConfig } from '../packages/server/src/config/load-config.ts'
import { median } from './measure.ts'

const password = 'SecurePass123'
const rounds = 1_000
const mostTimes = 1.5
const few = { users: 1_000, sessions: 5_000, events: 20_000 }
const settings = {
  NODE_ENV: 'test',
  BCRYPT_COST: '4',
  RATE_LIMIT_LOGIN: 'off',
  RATE_LIMIT_ACCOUNT: 'off',
  PASSWORD_BLOCKLIST: 'off',
}

function seed(url: string, sizes: Partial<typeof few> = {}): void {
  const flags = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)])
  const command = ['--conditions=latchkey-source', 'packages/server/src/cli/main.ts', 'bench', 'seed', ...flags]
  const env = { ...process.env, ...settings, DATABASE_URL: url }
  const { status } = spawnSync(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`Cannot seed ${url}`)
}

/** A product on one database, and the requests that are timed on it, for the user of a round. */
async function subject(url: string) {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const config = loadConfig({ ...settings, DATABASE_URL: url })
  const { app, close } = assemble(config, { log: silent })
  const database = openConfiguredDatabase(config)
  const emails = await randomEmails(database)
  await database.close()
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

async function randomEmails({ store }: ReturnType<typeof openConfiguredDatabase>): Promise<string[]> {
  const [last] = await store.users.list({ afterEmail: 'user0999998@bench.example', limit: 1 })
  const users = last ? 1_000_000 : few.users
  return Array.from({ length: rounds + 1 }, () => {
    const number = Math.floor(Math.random() * users)
    return `user${String(number).padStart(7, '0')}@bench.example`
  })
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

/** Brings a file into the memory of the system. */
async function readWhole(path: string): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: 2 ** 22 }));
}

const folder = mkdtempSync(join(tmpdir(), 'latchkey-growth-'))
try {
  const small = `sqlite:${join(folder, 'small.db')}`
  const given = process.argv[2]
  const large = given === undefined ? `sqlite:${join(folder, 'large.db')}` : `sqlite:${given}`
  seed(small, few)
  if (given === undefined) seed(large)
  for (const url of [small, large]) await readWhole(url.replace(/^sqlite:/, ''))
  const subjects = [await subject(small), await subject(large)] as const
  const hash = await hashTime()

  console.log(`hash ${hash.toFixed(2)} ms, taken from each login; medians of ${rounds} users, in milliseconds\n`)
  console.log('| request | few users | many users | times as much |\n|---|---|---|---|')
  for (const name of ['login', 'refresh', 'me', 'session list', 'event page'] as const) {
    const times: [number[], number[]] = [[], []]
    // The first round warms up and does not count. Whoever goes first changes from round to round.
    for (let round = 0; round <= rounds; round += 1) {
      for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const milliseconds = await subjects[which].ways[name](round)
        if (round > 0) times[which].push(milliseconds)
      }
    }
    const [one, many] = times.map((taken) => median(taken) - (name === 'login' ? hash : 0))
    const ratio = (many ?? 0) / (one ?? 1)
    console.log(`| ${name} | ${one?.toFixed(3)} | ${many?.toFixed(3)} | ${ratio.toFixed(2)} |`)
    if (ratio > mostTimes) process.exitCode = 1
  }
  for (const { close } of subjects) await close()
} finally {
  rmSync(folder, { recursive: true })
}
