import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { root } from './markdown.ts'

type StartedServer = { url: string; environment: Record<string, string> }

/**
 * Starts the server as its users do, on a free port and an empty database. Ends with the test. Commands that are run
 * with `environment` work on the same database.
 */
export async function startServer(settings: Record<string, string> = {}): Promise<StartedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'))
  const port = await freePort()
  const environment = { PORT: String(port), DATABASE_URL: `sqlite:${folder}/latchkey.db`, ...settings }
  const child = spawn(
    process.execPath,
    [join(root, 'run.mjs'), join(root, 'packages/server/src/cli/main.ts'), 'serve'],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  onTestFinished(async () => {
    await stop(child)
    rmSync(folder, { recursive: true })
  })
  await saidListening(child)
  return { url: `http://localhost:${port}`, environment }
}

/** Starts a program given as TypeScript, as a page shows it, and answers when its port is open. */
export async function startProgram(code: string, port: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-program-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  writeFileSync(join(folder, 'program.mts'), code)
  const parameters = [join(root, 'run.mjs'), join(folder, 'program.mts')]
  const child = spawn(process.execPath, parameters, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(async () => {
    await stop(child)
    rmSync(folder, { recursive: true })
  })
  for (;;) {
    const answer = await fetch(`http://localhost:${port}/`).catch(() => undefined)
    if (answer) return
    if (child.exitCode !== null) throw new Error('Cannot start the program: it ended')
    await new Promise((done) => setTimeout(done, 20))
  }
}

/** Runs shell lines as a person would paste them. Answers what they printed. */
export async function runShell(lines: string, environment: Record<string, string> = {}): Promise<string> {
  return runProgram('bash', ['-eu', '-o', 'pipefail', '-c', lines], environment)
}

/** Runs a program to its end. Answers what it printed. */
export async function runProgram(
  command: string,
  parameters: string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const child = spawn(command, parameters, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ended with ${code} after:\n${output}`)
  return output
}

async function saidListening({ stderr }: ChildProcess): Promise<void> {
  let said = ''
  for await (const text of stderr?.setEncoding('utf8') ?? []) {
    said += text
    if (said.includes('Latchkey listens')) return
  }
  throw new Error(`Cannot start the server:\n${said}`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
