/**
 * Measures what docs/performance.md promises, prints it, and writes it there.
 *
 *   npm run bench            everything, some minutes
 *   npm run bench -- NAME    one part, by its name on the page
 *   npm run bench -- peers --short            a first look at ourselves beside Better Auth, which the page is not told of
 *   npm run bench -- peers --requests=100000  instead of the million that memory is to bear
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parts } from './parts.ts'
import { installPeers } from './peers.ts'
import { describeMachine, terminalTable, writeInto } from './report.ts'

const pagePath = join(import.meta.dirname, '../docs/performance.md')
const { values, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, requests: { type: 'string', default: '1000000' } },
})
const unknown = chosen.filter((name) => !parts.some((part) => part.name === name))
if (unknown.length > 0) {
  console.error(`Cannot measure "${unknown.join(' ')}": there are ${parts.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

const progress = (text: string) => process.stderr.write(`  ... ${text}\n`)
const peers = installPeers(progress)
for (const part of parts.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
  console.log(`\n${part.title} (${part.name})`)
  const findings = await part.measure({
    isSmoke: false,
    isShort: values.short,
    many: Number(values.requests),
    peers,
    progress,
  })
  const machine = describeMachine()
  console.log(`${terminalTable(findings)}\n  ${machine}`)
  if (!values.short) writeFileSync(pagePath, writeInto(readFileSync(pagePath, 'utf8'), part, machine, findings))
}
