import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A program of this repository that runs as a process of its own. */
export type Program = AsyncDisposable & {
  /** Where it listens, as it said. */
  readonly url: string
  /** Sends the signal and answers the exit code once the process is gone; null when the signal killed it. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

type Start = {
  /** Relative to the root of the repository. */
  file: string
  parameters?: string[]
  /** Its working folder: where its database and, if any, its `.env` are. */
  folder: string
  /** All of its environment, but for where Node finds programs and keeps compiled code. */
  environment?: Record<string, string>
}

const root = join(import.meta.dirname, '..', '..')

/** Far longer than a start takes: one that never listens must not outlive the tests. */
const patienceMilliseconds = 15_000

/**
 * Starts a program from its TypeScript sources and waits until it says where it listens.
 *
 * @throws {Error} with what it printed, when it ends before that or never says so
 */
export async function startProgram({ file, parameters = [], folder, environment = {} }: Start): Promise<Program> {
  const child = spawn(process.execPath, ['--conditions=latchkey-source', join(root, file), ...parameters], {
    cwd: folder,
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'close').then(([code]) => code as number | null)

  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return exited
  }
  return {
    url: await readUrl(child, exited, file),
    end: (signal = 'SIGTERM') => end(signal),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  }
}

/** Starts a Latchkey server. Limits are off, since all users of a test come from one address; hashes are cheap. */
export function startIssuer(folder: string, environment: Record<string, string> = {}): Promise<Program> {
  return startProgram({
    file: 'packages/server/src/cli/main.ts',
    parameters: ['serve'],
    folder,
    environment: {
      PORT: '0',
      RATE_LIMIT_LOGIN: 'off',
      RATE_LIMIT_SIGNUP: 'off',
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      ...environment,
    },
  })
}

/** A folder that goes with the tests around it. To be called where tests are declared, not inside of one. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-example-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return folder
}

function readUrl(child: ChildProcess, exited: Promise<number | null>, file: string): Promise<string> {
  const giveUp = setTimeout(() => child.kill('SIGKILL'), patienceMilliseconds)
  const url = new Promise<string>((found, fail) => {
    let printed = ''
    const read = (text: string) => {
      printed += text
      const url = / listens on (http:\/\/[^\s,]+)[\s,]/.exec(printed)?.[1]
      if (url) found(url)
    }
    child.stdout?.setEncoding('utf8').on('data', read)
    child.stderr?.setEncoding('utf8').on('data', read)
    exited.then((code) => fail(new Error(`Cannot start ${file}: it ended with ${code}\n${printed}`)), fail)
  })
  return url.finally(() => clearTimeout(giveUp))
}
