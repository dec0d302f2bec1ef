/**
 * What requests cost with many users, side by side with what they cost with few. Each figure is the median over random
 * users, whose requests to the two databases take turns; a login is told without the hash. Ends with 1 where the many
 * cost more than 1.5 times as much.
 *
 *   npm run bench:growth               seeds both databases: 1,000 users, and 1,000,000 (some 10 GB, a quarter of an hour)
 *   npm run bench:growth -- LARGE.db   against one that `latchkey bench seed` made, under the same settings as here
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble, hashesOf, passwordsOf } from '../packages/server/src/cli/assemble.ts'
import { loadConfig } from '../packages/server/src/config/load-config.ts'
import { newId } from '../packages/server/src/crypto/secrets.ts'
import type { SessionId } from '../packages/server/src/domain/session.ts'
import { openDatabase } from '../packages/server/src/storage/open-store.ts'
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

/** A product on one database, and what is timed on it, for the user of a round. */
async function subject(url: string) {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const { auth, verifier, close } = assemble(loadConfig({ ...settings, DATABASE_URL: url }), { log: silent })
  const database = openDatabase(url)
  const emails = await randomEmails(database)
  await database.close()
  const signedIn: { refreshToken: string; accessToken: string }[] = []

  async function callerOf(round: number) {
    const { user_id, sid } = await verifier.verify(signedIn[round]?.accessToken ?? '')
    return { userId: user_id as never, sessionId: sid as SessionId }
  }
  const origin = (round: number) => {
    const address = `10.9.${round >> 8}.${round & 255}`
    return { address, network: address, userAgent: 'bench', requestId: newId() }
  }

  return {
    close,
    ways: {
      login: async (round: number) => {
        const input = { email: emails[round] ?? '', password, origin: origin(round) }
        return timed(async () => {
          signedIn[round] = await auth.logIn(input)
        })
      },
      refresh: (round: number) =>
        timed(() => auth.refreshSession({ refreshToken: signedIn[round]?.refreshToken ?? '', origin: origin(round) })),
      me: async (round: number) => {
        const caller = await callerOf(round)
        return timed(() => auth.readProfile(caller))
      },
      'session list': async (round: number) => {
        const caller = await callerOf(round)
        return timed(() => auth.listSessions(caller))
      },
      'event page': async (round: number) => {
        const caller = await callerOf(round)
        return timed(() => auth.listEvents({ caller, cursor: undefined, limit: 20 }))
      },
    },
  }
}

async function randomEmails({ store }: ReturnType<typeof openDatabase>): Promise<string[]> {
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

const folder = mkdtempSync(join(tmpdir(), 'latchkey-growth-'))
try {
  const small = `sqlite:${join(folder, 'small.db')}`
  const given = process.argv[2]
  const large = given === undefined ? `sqlite:${join(folder, 'large.db')}` : `sqlite:${given}`
  seed(small, few)
  if (given === undefined) seed(large)
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
