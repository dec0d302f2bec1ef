/**
 * Breaks a running product for a while and then asks for all that it promised.
 *
 *   npm run chaos -- [--engine postgres|sqlite] [--seconds N] [--seed S] [--write]
 *
 * Ends with 1 where something was lost. `--write` puts the figures into docs/reliability.md.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { guessesPassed, judge } from './judge.ts'
import { figuresOf, machine } from './report.ts'
import { clients, gather, storm } from './run-chaos.ts'
import { type Engine, openSite } from './site.ts'

const page = fileURLToPath(new URL('../docs/reliability.md', import.meta.url))
const maxShown = 50

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'postgres' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
const { engine } = values
const seconds = Number(values.seconds)
const seed = Number(values.seed)
if (!isEngine(engine)) end(`--engine must be postgres or sqlite: it is ${JSON.stringify(engine)}`)
if (!(seconds >= 1)) end(`--seconds must be a number from 1 on: it is ${JSON.stringify(values.seconds)}`)
if (!Number.isSafeInteger(seed)) end(`--seed must be a whole number: it is ${JSON.stringify(values.seed)}`)

const site = await openSite(engine)
try {
  const { client, faults, from, to } = await storm(site, { seconds, seed })
  const evidence = await gather(site, client)
  const violations = judge(evidence)
  const { history } = evidence
  const figures = figuresOf({
    engine,
    nodes: site.nodes.length,
    seconds,
    seed,
    clients,
    faults,
    history,
    storm: { from, to },
    violations,
    guesses: guessesPassed(evidence),
  })
  console.log(`${figures}\n`)
  for (const { rule, what } of violations.slice(0, maxShown)) console.log(`${rule}: ${what}`)
  if (violations.length > maxShown) console.log(`... and ${violations.length - maxShown} more`)
  if (values.write) writeFileSync(page, withFigures(readFileSync(page, 'utf8'), engine, figures))
  process.exitCode = violations.length > 0 ? 1 : 0
} finally {
  await site.close()
}
process.exit()

function isEngine(text: string): text is Engine {
  return text === 'postgres' || text === 'sqlite'
}

function end(why: string): never {
  console.error(`Cannot make chaos: ${why}`)
  process.exit(2)
}

/** The part of the page between the marks of an engine is generated; the rest is written by hand. */
function withFigures(text: string, name: Engine, figures: string): string {
  const [begin, finish] = [`<!-- chaos ${name} -->`, `<!-- end of chaos ${name} -->`]
  const start = text.indexOf(begin)
  const stop = text.indexOf(finish)
  if (start < 0 || stop < start) end(`docs/reliability.md has no place for ${name}`)
  return `${text.slice(0, start + begin.length)}\n\n${machine()}.\n${figures}\n\n${text.slice(stop)}`
}
