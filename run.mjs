/**
 * Runs a program of this repository on a Node that is new enough.
 *
 * The machine's own Node serves when it can; otherwise one is taken from the npm registry, once. Everything started
 * from here resolves the workspace packages to their TypeScript sources, so nothing needs a build.
 *
 *   node run.mjs FILE [ARGUMENT ...]      a file of ours
 *   node run.mjs :NAME [ARGUMENT ...]     a command of node_modules, by its bin name
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const oldestNode = [24, 15]
const broughtNode = '26.10.0'
const root = dirname(fileURLToPath(import.meta.url))

function isNewEnough([major, minor]) {
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])
}

function findNode() {
  if (isNewEnough(process.versions.node.split('.').map(Number))) return process.execPath

  const remembered = join(root, 'node_modules', '.cache', 'latchkey', `node-${broughtNode}`)
  const known = existsSync(remembered) ? readFileSync(remembered, 'utf8') : ''
  if (known && existsSync(known)) return known

  const platform = process.platform === 'win32' ? 'win' : process.platform
  process.stderr.write(`Node ${process.versions.node} is too old: taking Node ${broughtNode} from the npm registry\n`)
  const command = ['exec', '--yes', `--package=node-${platform}-${process.arch}@${broughtNode}`]
  const found = execFileSync('npm', [...command, '--', 'node', '-p', 'process.execPath'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  }).trim()
  mkdirSync(dirname(remembered), { recursive: true })
  writeFileSync(remembered, found)
  return found
}

function findCommand(name) {
  for (const folder of ['.', 'packages/server', 'packages/verify']) {
    const manifests = join(root, folder, 'node_modules')
    if (existsSync(join(manifests, '.bin', name))) return join(manifests, '.bin', name)
  }
  throw new Error(`Cannot find the command "${name}" in node_modules: run npm ci first`)
}

/** Starts `parameters` on the right Node with this process's input and output, and ends as it ends. */
export function run(parameters) {
  const node = findNode()
  const [first = '', ...rest] = parameters
  const program = first.startsWith(':') ? findCommand(first.slice(1)) : first
  const child = spawn(node, ['--conditions=latchkey-source', program, ...rest], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: [dirname(node), process.env.PATH].join(delimiter),
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal) process.removeAllListeners(signal)
    if (signal) process.kill(process.pid, signal)
    else process.exitCode = code ?? 1
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run(process.argv.slice(2))
