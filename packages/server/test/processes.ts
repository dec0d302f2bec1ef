import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'
import { databaseOf, engine } from '../src/testing/test-database.ts'

const program = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** How a process of the product is started, unless a test says otherwise. */
export const byNode = [process.execPath, '--conditions=latchkey-source', program]

/**
 * `hasOwnGroup`: signals to the group of the process do not reach the tests. `whenOver` is told how to end the process,
 * which otherwise ends with the test.
 */
type Surroundings = {
  folder: string
  settings?: Record<string, string>
  input?: string
  command?: string[]
  hasOwnGroup?: boolean
  whenOver?: (end: () => Promise<void>) => void
}

/** A process of the product with nothing of ours in its environment but what is given. */
function start(words: readonly string[], surroundings: Surroundings) {
  const { folder, settings = {}, input, command, hasOwnGroup = false, whenOver = onTestFinished } = surroundings
  const [file = '', ...before] = command ?? byNode
  const child = spawn(file, [...before, ...words], {
    cwd: folder,
    detached: hasOwnGroup,
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      PORT: '0',
      ...(engine === 'postgres' ? { DATABASE_URL: databaseOf(folder), DATABASE_DURABILITY: 'any' } : {}),
      ...settings,
    },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const closed = once(child, 'close')
  whenOver(async () => {
    child.kill('SIGKILL')
    await closed
  })
  return { child, closed, stdout: () => stdout, stderr: () => stderr }
}

/** Runs a command to its end. */
export async function run(words: readonly string[], surroundings: Surroundings) {
  const { closed, stdout, stderr } = start(words, surroundings)
  const [code] = await closed
  return { code: code as number | null, stdout: stdout(), stderr: stderr() }
}

/** The same by the scripts of the repository: what a person would type. */
export const byRunner = [process.execPath, `${repository}run.mjs`, program]
export const byBin = [process.execPath, `${repository}packages/server/bin/latchkey.js`]

/** A server that listens. Without a word to the contrary, hashing is cheap and the port a free one. */
export async function serve(surroundings: Surroundings) {
  const { child, closed, stdout, stderr } = start(['serve'], surroundings)
  const url = () => /Latchkey listens on (\S+)/.exec(stderr())?.[1] ?? ''
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  await vi.waitUntil(() => url() !== '' || hasEnded(), { timeout: 45_000 })
  if (url() === '') {
    await closed
    throw new Error(
      `The server did not start: it ended with ${child.exitCode ?? child.signalCode} and said: ${stderr()}`,
    )
  }

  async function request(path: string, { body, token, ...options }: RequestOptions = {}) {
    const response = await fetch(`${url()}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...options,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) }
  }

  return {
    child,
    url: url(),
    port: Number(new URL(url()).port),
    request,
    stdout,
    stderr,
    /** How it ended: its exit code, and the signal that killed it if one did. */
    ended: closed,
    stop: (signal: NodeJS.Signals = 'SIGTERM') => end(child, closed, signal),
  }
}

type RequestOptions = { body?: unknown; token?: string; signal?: AbortSignal }

/** Asks a process to end. Answers how it did, and after how many milliseconds. */
async function end(child: ChildProcess, closed: Promise<unknown[]>, signal: NodeJS.Signals) {
  const startedAt = performance.now()
  child.kill(signal)
  const [code, by] = await closed
  return { code, signal: by, milliseconds: performance.now() - startedAt }
}
