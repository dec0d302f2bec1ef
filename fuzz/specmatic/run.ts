/**
 * Has Specmatic make its tests from the contract, and run them against a server of its own: a second opinion beside
 * `npm run fuzz`. Needs Java 17 or newer, and is skipped without.
 *
 *   npm run fuzz:specmatic [-- --log FILE]     `--log` keeps everything that Specmatic says
 *
 * Ends with 1 where an answer is not what the contract says.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { installApart } from '../../scripts/install-apart.ts'
import { judgeAfter } from '../after.ts'
import { readContract } from '../contract.ts'
import { createJudge, type Finding } from '../judge.ts'
import { openSite } from '../site.ts'
import { accepted } from './accepted.ts'
import { documentForSpecmatic, exampleFiles } from './document.ts'
import { putLiveValues, standIns } from './live-values.ts'
import { judgeResults, readResults } from './results.ts'

const oldestJava = 17
const { values } = parseArgs({ options: { log: { type: 'string' } } })
const withoutLimits = {
  RATE_LIMIT_LOGIN: 'off',
  RATE_LIMIT_SIGNUP: 'off',
  RATE_LIMIT_ACCOUNT: 'off',
  RATE_LIMIT_INTROSPECT: 'off',
}

const java = /version "([0-9]+)/.exec(spawnSync('java', ['-version'], { encoding: 'utf8' }).stderr ?? '')?.[1]
if (Number(java ?? 0) < oldestJava) {
  const found = java === undefined ? 'there is none' : `this is ${java}`
  console.log(`Skipped: Specmatic needs Java ${oldestJava} or newer, and ${found}`)
  process.exit()
}
const resolve = installApart(import.meta.dirname, () =>
  console.log('installing Specmatic, 89 MB: npm ci in fuzz/specmatic/'),
)
const jar = join(dirname(resolve('specmatic/package.json')), 'specmatic.jar')

const judge = createJudge(readContract())
const found: Finding[] = []
const site = await openSite(withoutLimits)
const front = await putLiveValues(site.port, (asked, exchange) => found.push(...judge(asked, exchange)))
const folder = mkdtempSync(join(tmpdir(), 'latchkey-specmatic-'))
try {
  console.log(`Specmatic on Java ${java} makes its tests from the contract, and runs them`)
  const xml = await runSpecmatic()
  const results = readResults(xml)
  const { isRun, broken, stale } = judgeResults(results, accepted)
  const after = judgeAfter({ said: site.said(), heapBefore: 0, heapAfter: 0, tokens: 0, isAlive: site.isAlive() })
  for (const { test, what } of broken) console.log(`\n${test}\n${what}`)
  for (const { test, why } of stale) console.log(`\nAccepted, and did not fail: ${test} (${why})`)
  for (const { rule, what } of [...found, ...after]) console.log(`\n${rule}: ${what}`)
  if (!isRun) console.log('\nIt ran no tests: --log FILE keeps what it said')

  const count = broken.length + stale.length + found.length + after.length
  const asAccepted = results.failures.length - broken.length
  console.log(
    `\n${results.tests} tests, ${asAccepted} with another answer that the contract allows: ${count} rules broken`,
  )
  process.exitCode = isRun && count === 0 ? 0 : 1
} finally {
  await front.close()
  await site.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Everything that it writes stays in the folder, and nothing is sent to whoever made it. */
async function runSpecmatic(): Promise<string> {
  const exampleFolder = join(folder, 'auth_examples')
  mkdirSync(exampleFolder)
  writeFileSync(join(folder, 'auth.yaml'), stringify(documentForSpecmatic()))
  for (const [name, example] of Object.entries(exampleFiles())) {
    writeFileSync(join(exampleFolder, `${name}.json`), JSON.stringify(example))
  }
  const command = ['test', `--testBaseURL=http://127.0.0.1:${front.port}`, '--junitReportDir=junit', 'auth.yaml']
  const child = spawn('java', [`-Duser.home=${folder}`, '-jar', jar, ...command], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      SPECMATIC_DISABLE_TELEMETRY: 'true',
      SPECMATIC_GENERATIVE_TESTS: 'true',
      // Of each security scheme the value, by its name in the contract.
      bearer: standIns.token,
      apiBearer: site.credential,
      apiBasic: Buffer.from(`tasks:${site.credential}`).toString('base64'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(values.log ?? join(folder, 'log'))
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  await once(child, 'close')
  const report = join(folder, 'junit/TEST-junit-jupiter.xml')
  return existsSync(report) ? readFileSync(report, 'utf8') : ''
}
