/**
 * Measures whether refused logins and refreshes tell by their time what they do not say, and writes docs/timing.md.
 *
 *   npm run timing                             10,000 pairs at bcrypt cost 4, 600 at the cost of production
 *   npm run timing -- --cost 4 --pairs 2000    one cost, some pairs; the page keeps what it says of the other
 *
 * Ends with 1 where a difference was found, or a control was not as it must be.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from '../bench/report.ts'
import { measure } from './measure.ts'
import { pageWith, terminalTable } from './report.ts'

const page = fileURLToPath(new URL('../docs/timing.md', import.meta.url))
const longForm = [
  { cost: 4, pairs: 10_000 },
  { cost: 12, pairs: 600 },
]

const { values } = parseArgs({ options: { cost: { type: 'string' }, pairs: { type: 'string' } } })
const cost = wholeNumber('cost', values.cost)
const pairs = wholeNumber('pairs', values.pairs)
const runs = longForm.filter((run) => cost === undefined || run.cost === cost)
if (runs.length === 0) end(`--cost must be ${longForm.map((run) => run.cost).join(' or ')}: it is ${cost}`)
if (pairs !== undefined && pairs < 1) end(`--pairs must be at least 1: it is ${pairs}`)

for (const run of runs) {
  const plan = { ...run, pairs: pairs ?? run.pairs }
  const machine = describeMachine()
  const findings = await measure({ ...plan, progress })
  progress('')
  console.log(
    `\nbcrypt cost ${plan.cost}, ${plan.pairs} pairs of each at least; ${machine}\n\n${terminalTable(findings)}`,
  )
  writeFileSync(page, pageWith(readFileSync(page, 'utf8'), { ...plan, machine, findings }))
  if (findings.some(({ isAsExpected }) => !isAsExpected)) process.exitCode = 1
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[0-9]{1,7}$/.test(text)) end(`--${name} must be a whole number: it is ${JSON.stringify(text)}`)
  return Number(text)
}

function end(why: string): never {
  console.error(`Cannot measure: ${why}`)
  process.exit(2)
}

/** On a terminal one line that changes; elsewhere nothing. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
