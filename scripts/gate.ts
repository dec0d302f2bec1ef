/**
 * The whole truth about this repository, in order, up to the first step that fails: this is `npm test`.
 *
 * The last line counts the tests, alone and in a form that CI reads: `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeTally, type VitestReport } from './tally.ts'

type Step = { readonly script: string; readonly parameters?: readonly string[] }

const root = join(import.meta.dirname, '..')
const reports = mkdtempSync(join(tmpdir(), 'latchkey-gate-'))
const report = join(reports, 'tests.json')

/** Each is a script of package.json, so what fails here can be repeated alone: `npm run NAME`. */
const steps: readonly Step[] = [
  { script: 'lint' },
  { script: 'types' },
  { script: 'rooms' },
  { script: 'unused' },
  { script: 'coverage', parameters: ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] },
  { script: 'requirements', parameters: ['--check'] },
  { script: 'build' },
  { script: 'packages' },
]

function runStep({ script, parameters = [] }: Step) {
  console.log(`\n== ${script}`)
  const begin = performance.now()
  const command = ['--run', script, '--', ...parameters]
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
  const seconds = (performance.now() - begin) / 1000
  return { script, seconds, passed: status === 0 }
}

function runUntilFailure() {
  const results: ReturnType<typeof runStep>[] = []
  for (const step of steps) {
    const result = runStep(step)
    results.push(result)
    if (!result.passed) break
  }
  return results
}

function readTally(): string | undefined {
  try {
    return describeTally(JSON.parse(readFileSync(report, 'utf8')) as VitestReport)
  } catch {
    // The tests were not reached, or died before they could report.
    return undefined
  } finally {
    rmSync(reports, { recursive: true })
  }
}

const results = runUntilFailure()
const total = results.reduce((sum, { seconds }) => sum + seconds, 0)
const tally = readTally()

console.log('')
for (const { script } of steps) {
  const result = results.find((one) => one.script === script)
  const verdict = result
    ? `${result.passed ? 'passed' : 'FAILED'} ${result.seconds.toFixed(1).padStart(7)} s`
    : 'not run'
  console.log(`${script.padEnd(14)} ${verdict}`)
}
console.log(`${'total'.padEnd(21)} ${total.toFixed(1).padStart(7)} s`)
if (tally) console.log(tally)
if (results.some(({ passed }) => !passed)) process.exitCode = 1
