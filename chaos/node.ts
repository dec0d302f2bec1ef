import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Life } from './history.ts'
import { type Route, routeTo } from './proxy.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
const program = `${repository}packages/server/src/cli/main.ts`
const restartMilliseconds = 200
const keptCharacters = 2_000

/** One server, started again whenever it ends, as an init system would. */
export type Node = {
  name: string
  /** The way from clients to it. */
  front: Route
  /** The way from it to Postgres, where that is its engine. */
  back: Route | undefined
  /** Its processes, from the start of each to its end. */
  lives: Life[]
  /** What it said when it ended, having listened, though nobody had ended it. */
  surprises: string[]
  kill(): void
  /** Stands still, connections and all, until `goOn`. */
  pause(): void
  goOn(): void
  stop(): Promise<void>
}

type Start = { name: string; folder: string; settings: Record<string, string>; back?: Route | undefined }

/** Starts a node and answers at once: `front.port` is set as soon as it listens. */
export function startNode({ name, folder, settings, back }: Start): Node {
  let child: ChildProcess | undefined
  let isStopping = false
  const front = routeTo()
  const killed = new WeakSet<ChildProcess>()
  const node: Node = {
    name,
    front,
    back,
    lives: [],
    surprises: [],
    kill: () => {
      if (!child) return
      killed.add(child)
      child.kill('SIGKILL')
    },
    pause: () => child?.kill('SIGSTOP'),
    goOn: () => child?.kill('SIGCONT'),
    stop: async () => {
      isStopping = true
      process.off('exit', node.kill)
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      node.kill()
      await ended
    },
  }
  // Whoever ends this process without a word ends its servers too.
  process.once('exit', node.kill)

  function start(): void {
    const life = { from: performance.now(), to: Number.POSITIVE_INFINITY }
    const current = spawn(process.execPath, ['--conditions=latchkey-source', program, 'serve'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: `${repository}node_modules/.cache/latchkey/compiled`,
        NODE_ENV: 'test',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = current
    node.lives.push(life)
    let said = ''
    const listen = (chunk: Buffer) => {
      said = (said + chunk).slice(-keptCharacters)
      const port = /Latchkey listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1]
      if (port !== undefined) front.port ??= Number(port)
    }
    current.stdout.on('data', listen)
    current.stderr.on('data', listen)
    current.once('exit', (code, signal) => {
      life.to = performance.now()
      if (front.port !== undefined && !killed.has(current)) {
        node.surprises.push(
          `${name} ended by itself (${code ?? signal}): ${said.trim().split('\n').slice(-3).join(' ')}`,
        )
      }
      front.port = undefined
      if (!isStopping) setTimeout(() => !isStopping && start(), restartMilliseconds)
    })
  }

  start()
  return node
}
