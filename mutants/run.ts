/**
 * Mutates the rooms whose errors cost most, runs their tests against each mutant, and writes docs/mutants.md.
 *
 *   npm run mutants                    every room, some hours
 *   npm run mutants -- NAME ...        these rooms; the page keeps what it says of the others
 *   npm run mutants -- --since REF     only files changed since REF; writes no page
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Accepted, accepted } from './accepted.ts'
import { describeRoom, isFailure, type Mutant, type RoomResult, writeInto } from './report.ts'
import { type Room, rooms } from './rooms.ts'

const root = join(import.meta.dirname, '..')
const pagePath = join(root, 'docs/mutants.md')
const { positionals, values } = parseArgs({ allowPositionals: true, options: { since: { type: 'string' } } })

type Found = { fileName: string; status: string; replacement?: string; location: { start: Point; end: Point } }
/** Lines and columns, both from 1 on. */
type Point = { line: number; column: number }
type MutationTester = new (options: object) => { runMutationTest(): Promise<Found[]> }

function chosenRooms(): readonly Room[] {
  const unknown = positionals.filter((name) => !rooms.some((room) => room.name === name))
  if (unknown.length === 0) return rooms.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  console.error(`Cannot mutate "${unknown.join(' ')}": there are ${rooms.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

function filesOf(room: Room): string[] {
  const files = globSync([...room.mutate], { cwd: root }).filter((file) => !file.endsWith('.test.ts'))
  if (values.since === undefined) return files
  const changed = execFileSync('git', ['diff', '--name-only', values.since], { cwd: root, encoding: 'utf8' }).split(
    '\n',
  )
  return files.filter((file) => changed.includes(file))
}

/** Stryker has a lockfile of its own here, and is installed when first needed. */
async function loadTester(): Promise<MutationTester> {
  if (!existsSync(join(import.meta.dirname, 'node_modules', '.package-lock.json'))) {
    console.log('  ... installing Stryker: npm ci in mutants/')
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    })
  }
  const { resolve } = createRequire(join(import.meta.dirname, 'package.json'))
  const { Stryker } = await import(pathToFileURL(resolve('@stryker-mutator/core')).href)
  return Stryker
}

async function judge(room: Room, files: string[], Tester: MutationTester): Promise<RoomResult> {
  process.env['MUTANTS_TESTS'] = JSON.stringify(room.tests)
  const begin = performance.now()
  const tester = new Tester({
    mutate: files,
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner', join(import.meta.dirname, 'ignore-words.js')],
    ignorers: ['words'],
    // Processes: some tests set the umask, which a thread cannot.
    vitest: { configFile: 'mutants/vitest.config.ts', related: false, pool: 'forks' },
    dryRunTimeoutMinutes: 20,
    coverageAnalysis: 'perTest',
    // What is computed once, as a file is loaded, asks for every test again: half of the time for a few constants.
    ignoreStatic: true,
    concurrency: 1,
    disableTypeChecks: false,
    reporters: ['progress-append-only'],
    ignorePatterns: ['coverage', 'data', 'reports', '**/dist'],
    allowConsoleColors: false,
  })
  const found = await tester.runMutationTest()
  return { name: room.name, minutes: (performance.now() - begin) / 60_000, mutants: found.map(readMutant) }
}

function readMutant({ fileName, status, replacement = '', location: { start, end } }: Found): Mutant {
  const file = relative(root, fileName)
  const lines = readFileSync(fileName, 'utf8')
    .split('\n')
    .slice(start.line - 1, end.line)
  const sourceLine = lines[0]?.trim()
  const last = lines.length - 1
  lines[last] = lines[last]?.slice(0, end.column - 1) ?? ''
  lines[0] = lines[0]?.slice(start.column - 1) ?? ''
  const original = lines.join('\n')
  const isThisOne = (known: Accepted) =>
    known.file === file && known.line === sourceLine && known.original === original && known.replacement === replacement
  const reason = accepted.find(isThisOne)?.reason
  return { file, line: start.line, status, original, replacement, reason }
}

const chosen = chosenRooms()
const Tester = await loadTester()
for (const room of chosen) {
  const files = filesOf(room)
  if (files.length === 0) continue
  console.log(`\n${room.name}: ${files.length} files`)
  const result = await judge(room, files, Tester)
  console.log(describeRoom(result))
  if (isFailure(result)) process.exitCode = 1
  if (values.since === undefined) writeFileSync(pagePath, writeInto(readFileSync(pagePath, 'utf8'), result))
}
