/**
 * Measures what docs/performance.md promises, prints it, and writes it there.
 *
 *   npm run bench            everything, some minutes
 *   npm run bench -- NAME    one part, by its name on the page
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parts } from './parts.ts'
import { installPeers } from './peers.ts'
import { describeMachine, terminalTable, writeInto } from './report.ts'

const pagePath = join(import.meta.dirname, '../docs/performance.md')
const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !parts.some((part) => part.name === name))
if (unknown.length > 0) {
  console.error(`Cannot measure "${unknown.join(' ')}": there are ${parts.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

const progress = (text: string) => process.stderr.write(`  ... ${text}\n`)
const peers = installPeers(progress)
for (const part of parts.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
  console.log(`\n${part.title} (${part.name})`)
  const findings = await part.measure({ isSmoke: false, peers, progress })
  const machine = describeMachine()
  console.log(`${terminalTable(findings)}\n  ${machine}`)
  writeFileSync(pagePath, writeInto(readFileSync(pagePath, 'utf8'), part, machine, findings))
}
