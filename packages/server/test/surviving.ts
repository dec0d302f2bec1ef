import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createVerifier, type Verifier, type VerifierOptions, type VerifierStatus } from '@latchkey/verify'
import { expect, onTestFinished } from 'vitest'
import { databaseOf, temporaryFolder } from '../src/testing/test-database.ts'
import { openNetwork } from './network.ts'
import { byNode, serve } from './processes.ts'

const ada = { email: 'ada@example.com', password: 'SecurePass123' }

/** Whom a test asks about tokens: a verifier in this process or in another. */
type Asked = { verify(token: string): Promise<unknown> }

/** What a verifier says to a token: `accepted`, or the code of the refusal. */
export function outcomeOf(verifier: Asked, token: string): Promise<string> {
  return verifier.verify(token).then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  )
}

/** Waits until a verifier says this to a token. */
export const becomes = (verifier: Asked, token: string, outcome: string, withinMilliseconds = 30_000) =>
  expect.poll(() => outcomeOf(verifier, token), { timeout: withinMilliseconds, interval: 10 }).toBe(outcome)

/** A server in a process of its own, behind a network that a test can spoil, with one user who signs in often. */
export async function survivingServer(settings: Record<string, string> = {}, command: string[] = byNode) {
  const folder = temporaryFolder()
  const network = await openNetwork()
  onTestFinished(network.close)
  const limits = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_SIGNUP: 'off', RATE_LIMIT_ACCOUNT: 'off' }
  const surroundings = { folder, command, settings: { PUBLIC_URL: network.url, ...limits, ...settings } }
  let process = await serve(surroundings)
  await process.request('/api/auth/signup', { body: ada })

  return {
    url: network.url,
    network,
    surroundings,
    databaseUrl: databaseOf(folder),
    request: (path: string, options?: Parameters<typeof process.request>[1]) => process.request(path, options),
    /** Lets verifiers reach it. */
    connect: () => network.leadTo(process.port),
    kill: () => process.stop('SIGKILL'),
    /** Eleven minutes pass for it, where its clock can jump. */
    jump: () => process.child.kill('SIGUSR2'),
    /** In another process, on the same database, at another port. Verifiers do not reach it before `connect`. */
    async restart() {
      process = await serve(surroundings)
    },
    logIn: async (): Promise<string> => (await process.request('/api/auth/login', { body: ada })).json().token,
    async logOut(token: string) {
      expect((await process.request('/api/auth/logout', { body: {}, token })).status).toBe(200)
    },
  }
}

/** A verifier in this process that polls often and grows stale soon, so that no test waits long. */
export function verifierOf(issuer: string, options: Partial<VerifierOptions> = {}): Verifier {
  const verifier = createVerifier({ issuer, maxStalenessSeconds: 2, ...options })
  onTestFinished(verifier.close)
  return verifier
}

const source = '--conditions=latchkey-source'
const jumping = `--import=${new URL('./clock-that-jumps.ts', import.meta.url)}`
/** A server whose clock can jump. */
export const byJumpingNode = byNode.flatMap((word) => (word === source ? [source, jumping] : [word]))

/** A verifier in a process of its own, whose clock can jump. */
export async function verifierProcess(issuer: string, options: Partial<VerifierOptions> = {}) {
  const program = fileURLToPath(new URL('./verifier-process.ts', import.meta.url))
  const words = [issuer, JSON.stringify({ maxStalenessSeconds: 2, ...options })]
  const child = fork(program, words, { execArgv: [source, jumping] })
  const ended = once(child, 'exit')
  const waiting = new Map<number, (answer: Answer) => void>()
  child.on('message', (answer: Answer) => waiting.get(answer.question)?.(answer))
  let questions = 0
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await once(child, 'message')

  function ask(token: string): Promise<Answer> {
    questions += 1
    const question = questions
    return new Promise<Answer>((resolve) => {
      waiting.set(question, resolve)
      child.send({ question, token })
    }).finally(() => waiting.delete(question))
  }

  return {
    async verify(token: string) {
      const { outcome: code } = await ask(token)
      if (code !== 'accepted') throw Object.assign(new Error(code), { code })
    },
    status: async () => (await ask('')).status,
    jump: () => child.kill('SIGUSR2'),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

type Answer = { question: number; outcome: string; status: VerifierStatus }

/** Asks about a token all the time until the test ends. */
export function watch(verifier: Asked, token: string) {
  const heard: { at: number; outcome: string }[] = []
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const at = performance.now()
      heard.push({ at, outcome: await outcomeOf(verifier, token) })
      await new Promise((done) => setTimeout(done, 10))
    }
  })()
  onTestFinished(async () => {
    isOver = true
    await watching
  })
  return {
    /** Every outcome so far, each once. */
    outcomes: () => [...new Set(heard.map(({ outcome }) => outcome))],
    /** For how long after an instant the token was still accepted. */
    acceptedAfter: (instant: number) =>
      Math.max(0, ...heard.filter(({ outcome }) => outcome === 'accepted').map(({ at }) => at - instant)),
  }
}
