/**
 * Mutates the rooms whose errors cost most, runs their tests against each mutant, and writes docs/mutants.md.
 *
 *   npm run mutants                    every room, some hours
 *   npm run mutants -- NAME ...        these rooms; the page keeps what it says of the others
 *   npm run mutants -- --since REF     only files changed since REF; writes no page
 *
 * Files are judged one by one, and what was found is kept in reports/mutants: a run that was interrupted goes on where it
 * stopped, and a file is judged again when it or a test of its room has changed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { installApart } from '../scripts/install-apart.ts'
import { type Accepted, accepted } from './accepted.ts'
import { describe, isFailure, type Mutant, writeInto } from './report.ts'
import { type Room, rooms } from './rooms.ts'

const root = join(import.meta.dirname, '..')
const pagePath = join(root, 'docs/mutants.md')
const { positionals, values } = parseArgs({ allowPositionals: true, options: { since: { type: 'string' } } })

/** Of Stryker's report: all it knows of a file and of the tests that were asked. */
interface Report {
  /** Ours: Stryker also reports what it knows when it is interrupted. */
  readonly isWhole?: true
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Found[] }>>
  readonly testFiles: Readonly<Record<string, { readonly source?: string }>>
}
interface Found {
  readonly status: string
  readonly replacement?: string
  readonly location: { readonly start: Point; readonly end: Point }
}
/** Lines and columns, both from 1 on. */
type Point = { readonly line: number; readonly column: number }
type MutationTester = new (options: object) => { runMutationTest(): Promise<unknown> }

function chosenRooms(): readonly Room[] {
  const unknown = positionals.filter((name) => !rooms.some((room) => room.name === name))
  if (unknown.length > 0) {
    console.error(`Cannot mutate "${unknown.join(' ')}": there are ${rooms.map(({ name }) => name).join(', ')}`)
    process.exit(1)
  }
  const asked = positionals.flatMap((name) => rooms.filter((room) => room.name === name))
  return asked.length === 0 ? rooms : asked
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
  const resolve = installApart(import.meta.dirname, () => console.log('  ... installing Stryker: npm ci in mutants/'))
  const { Stryker } = await import(pathToFileURL(resolve('@stryker-mutator/core')).href)
  return Stryker
}

/** Asks the tests of the room about each mutant of a file; of what an older report knows, only what may have changed. */
async function judge(room: Room, file: string, Tester: MutationTester): Promise<Report> {
  process.env['MUTANTS_TESTS'] = JSON.stringify(room.tests)
  process.env['MUTANTS_FILE'] = file
  const tester = new Tester({
    mutate: [file],
    incremental: true,
    incrementalFile: reportPath(file),
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner', join(import.meta.dirname, 'ignore-words.js')],
    ignorers: ['words'],
    // Processes: some tests set the umask, which a thread cannot.
    vitest: { configFile: 'mutants/vitest.config.ts', related: false, pool: 'forks' },
    // Where a mutant makes no end. Long, so that one does not count as killed because the machine was busy.
    timeoutMS: 20_000,
    dryRunTimeoutMinutes: 20,
    coverageAnalysis: 'perTest',
    // What is computed once, as a file is loaded, asks for every test again: half of the time for a few constants.
    ignoreStatic: true,
    concurrency: room.atOnce ?? 1,
    disableTypeChecks: false,
    reporters: ['progress-append-only'],
    logLevel: 'warn',
    ignorePatterns: ['coverage', 'data', 'reports', '**/dist'],
    allowConsoleColors: false,
  })
  await tester.runMutationTest()
  const report: Report = { ...JSON.parse(readFileSync(reportPath(file), 'utf8')), isWhole: true }
  writeFileSync(reportPath(file), JSON.stringify(report))
  return report
}

function reportPath(file: string): string {
  return join(root, 'reports/mutants', `${file}.json`)
}

/** What was found in a file before, if neither it nor a test of its room has changed since. */
function readKept(room: Room, file: string): Report | undefined {
  if (!existsSync(reportPath(file))) return undefined
  const report: Report = JSON.parse(readFileSync(reportPath(file), 'utf8'))
  const isUnchanged = (name: string, source: string | undefined) => source === readFileSync(join(root, name), 'utf8')
  const tests = globSync([...room.tests], { cwd: root })
  const isCurrent =
    report.isWhole &&
    isUnchanged(file, report.files[file]?.source) &&
    tests.every((test) => isUnchanged(test, report.testFiles[test]?.source))
  return isCurrent ? report : undefined
}

function readMutants(file: string, report: Report): Mutant[] {
  const { source, mutants } = report.files[file] ?? { source: '', mutants: [] }
  return mutants.map(({ status, replacement = '', location: { start, end } }) => {
    const lines = source.split('\n').slice(start.line - 1, end.line)
    const sourceLine = lines[0]?.trim()
    const last = lines.length - 1
    lines[last] = lines[last]?.slice(0, end.column - 1) ?? ''
    lines[0] = lines[0]?.slice(start.column - 1) ?? ''
    const original = lines.join('\n')
    const isThisOne = (known: Accepted) =>
      known.file === file &&
      known.line === sourceLine &&
      known.original === original &&
      known.replacement === replacement
    return {
      file,
      line: start.line,
      status,
      original,
      replacement,
      reason: accepted.find(isThisOne)?.reason,
    }
  })
}

/** Undefined where the tests fail as they are: the other files are judged all the same. */
async function findMutants(room: Room, file: string, Tester: MutationTester): Promise<Mutant[] | undefined> {
  try {
    return readMutants(file, readKept(room, file) ?? (await judge(room, file, Tester)))
  } catch (error) {
    console.error(`Cannot judge ${file}: ${error}`)
    return undefined
  }
}

const Tester = await loadTester()
for (const room of chosenRooms()) {
  const files = filesOf(room)
  const mutants: Mutant[] = []
  let judged = 0
  for (const file of files) {
    console.log(`\n${room.name}: ${file}`)
    const found = await findMutants(room, file, Tester)
    if (!found) continue
    console.log(describe(found))
    mutants.push(...found)
    judged += 1
    const result = { name: room.name, judged, files: files.length, mutants }
    if (values.since === undefined) writeFileSync(pagePath, writeInto(readFileSync(pagePath, 'utf8'), result))
  }
  if (isFailure(mutants) || judged < files.length) process.exitCode = 1
}
