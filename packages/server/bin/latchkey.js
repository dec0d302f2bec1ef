#!/usr/bin/env node
/** Starts the command line: the sources in a checkout, on a Node that can run them; else what was published. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const oldestNode = [24, 15]
const source = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (existsSync(source)) {
  const { run } = await import('../../../run.mjs')
  run([source, ...process.argv.slice(2)])
} else if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  process.stderr.write(`latchkey needs Node ${oldestNode.join('.')} or newer: this is ${process.versions.node}\n`)
  process.exitCode = 1
} else {
  await import('../dist/cli/main.js')
}
