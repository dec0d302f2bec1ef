import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { eachAtOnce } from '../bench/at-once.ts'
import { portOf } from '../bench/server.ts'
import { digestOf } from '../packages/server/src/crypto/secrets.ts'
import { type Answer, openLine, type Question } from './exchange.ts'

const repository = join(import.meta.dirname, '..')
const program = join(repository, 'packages/server/src/cli/main.ts')
/** More would wait for a hash, and may be refused for it. */
const atOnce = availableParallelism()

export type Server = { port: number; stop(): Promise<void> }

type Start = { folder: string; cost: number; sabotage?: string | undefined }

/** `latchkey serve` in a process of its own, as it comes: limits and all, but for the cost of its hashes. */
export async function startServer({ folder, cost, sabotage }: Start): Promise<Server> {
  const hook = sabotage === undefined ? [] : ['--import', new URL(`./sabotage.ts?${sabotage}`, import.meta.url).href]
  // Hashes this cheap are for tests alone.
  const settings = { ...(cost < 10 ? { NODE_ENV: 'test' } : {}), BCRYPT_COST: String(cost), PORT: '0' }
  const child = spawn(process.execPath, ['--conditions=latchkey-source', ...hook, program, 'serve'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: join(repository, 'node_modules/.cache/latchkey/compiled'),
      ...settings,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  // Whoever ends this process without a word ends its servers too.
  process.once('exit', kill)
  return {
    port: await portOf(child),
    stop: async () => {
      process.off('exit', kill)
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

export const rightPassword = 'Correct-Horse-7-Battery'
export const wrongPassword = 'Correct-Horse-8-Battery'

/** Emails of one kind are as long as those of another. */
export type Kind = 'known' | 'inert' | 'ghost' | 'quiet' | 'spook' | 'spell'

export function emailOf(kind: Kind, number: number): string {
  return `${kind}${String(number).padStart(6, '0')}@example.com`
}

/** A database with what there is to guess at, to be copied for each server. */
export type Site = {
  /** Refresh tokens that are good for nothing any more. */
  revoked: string[]
  expired: string[]
  /** A server on a copy of its own, which knows of no attempts. */
  start(sabotage?: string): Promise<Server>
  close(): void
}

const tokensEach = 100

/** @param accounts how many there are that are active, and as many that are not */
export async function makeSite({ cost, accounts }: { cost: number; accounts: number }): Promise<Site> {
  const root = mkdtempSync(join(tmpdir(), 'latchkey-timing-'))
  const original = mkdtempSync(join(root, 'original-'))
  const server = await startServer({ folder: original, cost })
  const numbers = Array.from({ length: accounts }, (_, number) => number)
  const sessions = await eachAtOnce(numbers, atOnce, (number) => signUp(server, emailOf('known', number)))
  await eachAtOnce(numbers, atOnce, (number) => signUp(server, emailOf('inert', number)))
  const revoked = sessions.slice(0, Math.min(tokensEach, accounts / 2))
  const expired = sessions.slice(revoked.length, 2 * revoked.length)
  for (const { accessToken: token } of revoked) {
    await askOnce(server, { path: '/api/auth/logout', body: { scope: 'local' }, token })
  }
  await server.stop()
  age(join(original, 'data/latchkey.db'), expired)

  let copies = 0
  return {
    revoked: revoked.map(({ refreshToken }) => refreshToken),
    expired: expired.map(({ refreshToken }) => refreshToken),
    start: async (sabotage) => {
      copies += 1
      const folder = join(root, String(copies))
      cpSync(original, folder, { recursive: true })
      return startServer({ folder, cost, sabotage })
    },
    close: () => rmSync(root, { recursive: true }),
  }
}

type Tokens = { accessToken: string; refreshToken: string }

async function signUp(server: Server, email: string): Promise<Tokens> {
  const { body } = await askOnce(server, { path: '/api/auth/signup', body: { email, password: rightPassword } })
  const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(body)
  return { accessToken, refreshToken }
}

/** Asks on a connection of its own what must be done. */
export async function askOnce({ port }: Server, question: Question): Promise<Answer> {
  const line = await openLine(port)
  try {
    const answer = await line.ask(question)
    if (answer.status >= 300)
      throw new Error(`Cannot measure: ${question.path} answered ${answer.status} ${answer.body}`)
    return answer
  } finally {
    line.close()
  }
}

/** What would take a month, or a command for each account: a file that no server has open is changed. */
function age(file: string, expired: readonly Tokens[]): void {
  const database = new DatabaseSync(file)
  try {
    database.exec("update users set is_active = 0 where email like 'inert%'")
    const expire = database.prepare('update refresh_tokens set expires_at = 1 where digest = ?')
    for (const { refreshToken } of expired) {
      if (expire.run(digestOf(refreshToken)).changes !== 1)
        throw new Error('Cannot measure: a refresh token is not kept')
    }
  } finally {
    database.close()
  }
}
