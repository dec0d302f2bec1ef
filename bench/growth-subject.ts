import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { assemble } from '../packages/server/src/cli/assemble.ts'
import { loadConfig } from '../packages/server/src/config/load-config.ts'

/** A database that was seeded, and how many users it has. */
export type Seeded = { url: string; users: number }

export const password = 'SecurePass123'
/** The cheapest hash, and no limit: what is measured is the database. */
export const settings = {
  NODE_ENV: 'test',
  BCRYPT_COST: '4',
  RATE_LIMIT_LOGIN: 'off',
  RATE_LIMIT_ACCOUNT: 'off',
  PASSWORD_BLOCKLIST: 'off',
}
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export type Subject = ReturnType<typeof subject>

/**
 * A product on a seeded database, in this process. A request goes without a socket but with everything else, down to the
 * text of the answer. `now` is its clock.
 */
export function subject({ url, users }: Seeded, now = Date.now) {
  const house = assemble(loadConfig({ ...settings, DATABASE_URL: url }), { log: silent, now })
  let requests = 0

  /** @returns what it answered, and how long it took in milliseconds */
  async function ask(path: string, { token, body }: { token?: string | undefined; body?: object }) {
    const number = requests++ & 0xffff
    const request = new Request(`http://localhost:8000/api/auth/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const startedAt = performance.now()
    const response = await house.app.fetch(request, { remoteAddress: `10.9.${number >> 8}.${number & 255}` })
    const text = await response.text()
    const milliseconds = performance.now() - startedAt
    if (response.status !== 200) throw new Error(`Cannot measure ${path}: it answers ${response.status} ${text}`)
    return { milliseconds, answer: JSON.parse(text) }
  }

  return {
    ask,
    logIn: (email: string) => ask('login', { body: { email, password } }),
    anyEmail: () => `user${String(Math.floor(Math.random() * users)).padStart(7, '0')}@bench.example`,
    expiry: house.expiry,
    close: house.close,
  }
}

/** Starts the command line in a process of its own, whose standard error goes to this one's. */
function startCommand(url: string, words: readonly string[], stdout: 'ignore' | 'pipe', stderr: 'inherit' | 'pipe') {
  const command = ['--conditions=latchkey-source', 'packages/server/src/cli/main.ts', ...words]
  const env = { ...process.env, ...settings, DATABASE_URL: url }
  return spawn(process.execPath, command, { env, stdio: ['ignore', stdout, stderr] })
}

/** Runs a command to its end. Answers how many seconds it took. */
export async function runCommand(url: string, words: readonly string[]): Promise<number> {
  const startedAt = performance.now()
  const [status] = await once(startCommand(url, words, 'ignore', 'inherit'), 'exit')
  if (status !== 0) throw new Error(`Cannot measure: latchkey ${words.join(' ')} ended with ${status}`)
  return (performance.now() - startedAt) / 1000
}

/** How many seconds it takes until a server listens, from the start of its process. */
export async function secondsToStart(url: string): Promise<number> {
  const startedAt = performance.now()
  const server = startCommand(url, ['serve'], 'ignore', 'pipe')
  const ended = once(server, 'exit')
  let said = ''
  for await (const text of server.stderr ?? []) {
    said += text
    if (said.includes('Latchkey listens on')) break
  }
  const seconds = (performance.now() - startedAt) / 1000
  if (!said.includes('Latchkey listens on')) throw new Error(`Cannot measure the start: the server said ${said}`)
  server.kill('SIGTERM')
  await ended
  return seconds
}
