import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Question, Shares, Usage } from './usage.ts'

export interface Server extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** From the start of its process to the line that says where it listens. */
  readonly startMilliseconds: number
  residentBytes(): number
  /** The most that it had at any time. */
  peakBytes(): number
  usage(): Promise<Usage>
  /** After all garbage is collected. */
  heapBytes(): Promise<number>
  /** Where its event loop was while the work was done, in shares of the time that it was at work. */
  profile(work: () => Promise<void>): Promise<Shares>
  /** Answers with the body of an answer that is 2xx. */
  post(path: string, body: object, token?: string): Promise<Record<string, string>>
}

/** `latchkey serve` in a process of its own on a new SQLite database, with cheap hashes and without limits for logins. */
export async function startServer(): Promise<Server> {
  return startLatchkey({ NODE_ENV: 'test', BCRYPT_COST: '4' })
}

const withoutLimits = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_SIGNUP: 'off', RATE_LIMIT_ACCOUNT: 'off' }

/** @param flags of Node, such as what to load before. */
export function startLatchkey(settings: Record<string, string>, flags: readonly string[] = []): Promise<Server> {
  const program = join(import.meta.dirname, '../packages/server/src/cli/main.ts')
  return startProgram((folder) => ({
    arguments: ['--conditions=latchkey-source', ...flags, program, 'serve'],
    settings: { PORT: '0', DATABASE_URL: `sqlite:${folder}/latchkey.db`, ...withoutLimits, ...settings },
  }))
}

type Program = { arguments: readonly string[]; settings: Record<string, string> }

/** Starts a server in a folder of its own, under `usage.ts`, and waits until it says on standard error where it listens. */
export async function startProgram(programIn: (folder: string) => Program): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const { arguments: given, settings } = programIn(folder)
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['--expose-gc', '--import', join(import.meta.dirname, 'usage.ts'), ...given], {
    cwd: folder,
    // The tests name a cache of compiled code; a measurement names none, as most who start a server.
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...settings },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const port = await portOf(child)
  const startMilliseconds = performance.now() - startedAt

  const url = `http://localhost:${port}`
  return {
    url,
    port,
    startMilliseconds,
    residentBytes: () => memoryOf(child.pid, 'VmRSS'),
    peakBytes: () => memoryOf(child.pid, 'VmHWM'),
    usage: () => ask<Usage>(child, 'usage'),
    heapBytes: () => ask<number>(child, 'heapBytes'),
    async profile(work) {
      await ask(child, 'profile')
      await work()
      return ask<Shares>(child, 'profiled')
    },
    async post(path, body, token) {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`Cannot measure: ${path} answered ${answer.status} ${text}`)
      return text === '' ? {} : JSON.parse(text)
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
      rmSync(folder, { recursive: true })
    },
  }
}

async function ask<Answer>(child: ChildProcess, question: Question): Promise<Answer> {
  const answered = once(child, 'message')
  child.send(question)
  const [answer] = await answered
  return answer
}

/** Waits until a server says on standard error where it listens, and reads on from there, so that it can say more. */
export async function portOf({ stderr }: Pick<ChildProcess, 'stderr'>): Promise<number> {
  let said = ''
  for await (const text of stderr?.setEncoding('utf8').iterator({ destroyOnReturn: false }) ?? []) {
    said += text
    if (said.includes('Issuer')) break
  }
  stderr?.resume()
  const port = /listens on http:\/\/[^:]+:([0-9]+)/.exec(said)?.[1]
  if (!port) throw new Error(`Cannot start the server:\n${said}`)
  return Number(port)
}

/** As Linux counts it. */
function memoryOf(pid: number | undefined, what: 'VmRSS' | 'VmHWM'): number {
  const kibibytes = new RegExp(`${what}:\\s+([0-9]+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}

export const person = { email: 'ada@example.com', password: 'Correct-Horse-7-Battery' }
