import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('..', import.meta.url))
const program = ['--conditions=latchkey-source', `${repository}packages/server/src/cli/main.ts`]
const startMilliseconds = 30_000

/** A server of its own in a process of its own, on a database of its own, and a look into its heap. */
export type Site = {
  port: number
  pid: number
  credential: string
  /** Bytes of the heap in use, after everything that nobody holds was let go. */
  heapBytes(): Promise<number>
  /** Everything that it has said so far. */
  said(): string
  isAlive(): boolean
  close(): Promise<void>
}

/** Starts one with cheap hashing. Clients come from 127.0.0.0/8, and some of those addresses are trusted proxies. */
export async function openSite(settings: Record<string, string> = {}): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-fuzz-'))
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: `${repository}node_modules/.cache/latchkey/compiled`,
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    PORT: '0',
    DATABASE_URL: `sqlite:${join(folder, 'latchkey.db')}`,
    RATE_LIMIT_LOGIN: '60/minute',
    RATE_LIMIT_SIGNUP: '60/minute',
    TRUSTED_PROXIES: '127.2.0.0/18',
    REFRESH_REUSE_GRACE: '0',
    HASH_MAX_WAIT: '30s',
    LOG_LEVEL: 'debug',
    ...settings,
  }
  const logFile = join(folder, 'log')
  const log = createWriteStream(logFile)
  const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', ...program, 'serve'], { cwd: folder, env })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  let heard = ''
  child.stdout.pipe(log, { end: false })
  child.stderr.on('data', (chunk: Buffer) => {
    heard += chunk
    log.write(chunk)
  })
  const close = async () => {
    process.off('exit', end)
    if (isRunning(child)) {
      const ended = once(child, 'exit')
      end()
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  }

  const match = await waitFor(() => /Latchkey listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(heard), child)
  if (!match) {
    await close()
    throw new Error(`The server did not start: ${heard}`)
  }
  const inspector = /ws:\/\/\S+/.exec(heard)?.[0] ?? ''
  const added = spawnSync(process.execPath, [...program, 'apis', 'add', 'tasks'], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  const credential = /lka_[A-Za-z0-9_-]{43}/.exec(added.stdout)?.[0]
  if (!credential) {
    await close()
    throw new Error(`No API credential was given: ${added.stderr}`)
  }
  return {
    port: Number(match[1]),
    pid: child.pid ?? 0,
    credential,
    heapBytes: () => heapBytesOf(inspector),
    said: () => readFileSync(logFile, 'utf8'),
    isAlive: () => isRunning(child),
    close,
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

async function waitFor<Found>(look: () => Found | null, child: ChildProcess): Promise<Found | null> {
  const giveUpAt = performance.now() + startMilliseconds
  while (performance.now() < giveUpAt && isRunning(child)) {
    const found = look()
    if (found !== null) return found
    await new Promise((done) => setTimeout(done, 20))
  }
  return null
}

/** Asks over the inspector's protocol, so that nothing of the product is other than it is in use. */
async function heapBytesOf(inspector: string): Promise<number> {
  const socket = new WebSocket(inspector)
  await once(socket, 'open')
  const ask = async (id: number, method: string) => {
    socket.send(JSON.stringify({ id, method }))
    const [event] = await once(socket, 'message')
    return JSON.parse((event as MessageEvent).data)
  }
  await ask(1, 'HeapProfiler.collectGarbage')
  await ask(2, 'HeapProfiler.collectGarbage')
  const { result } = await ask(3, 'Runtime.getHeapUsage')
  socket.close()
  return result.usedSize
}
