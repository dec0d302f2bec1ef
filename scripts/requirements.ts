/**
 * Tells which security requirements a test proves.
 *
 * A test proves what its name says in square brackets: `[ASVS 9.1.2]`, `[RFC7519-4.1.4, NIST63B4-3.1.1.2-1]`. The
 * requirements are in docs/security/requirements.json, and those that are proven in docs/security/covered.json. What
 * no test proves because the product does otherwise is named in the table of deviations of SECURITY.md.
 *
 *   npm run requirements                            a table by chapter
 *   npm run requirements -- --chapter V6            each requirement of a chapter, with its tests
 *   npm run requirements -- --missing               what is due now, has no test and is no deviation
 *   npm run requirements -- --check                 fails when covered.json and the tests differ
 *   npm run requirements -- --write                 makes covered.json agree with the tests
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sectionOf, tableRows } from '../docs/markdown.ts'
import { testTitles } from './test-titles.ts'

type Requirement = {
  /** As tests write it: `ASVS 9.1.2`, `RFC7519-4.1.4`. */
  readonly name: string
  readonly chapter: string
  readonly statement: string
  readonly state: 'due' | 'later' | 'not applicable'
  /** The tests that prove it, each as `file: title`. */
  readonly provenBy: readonly string[]
  /** Whether SECURITY.md says that the product does otherwise, at least in part. */
  readonly isDeviation: boolean
}

type Coverage = {
  readonly requirements: readonly Requirement[]
  /** The tests that name a requirement that does not exist, each as a sentence. */
  readonly mistakes: readonly string[]
}

type RequirementRow = {
  readonly id: string
  readonly section: string
  readonly statement: string
  readonly applies: string
  readonly status?: { readonly notApplicable: string }
}

const testFiles = ['packages/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/**/*.test.ts', 'docs/**/*.test.ts']
const notOurs = ['**/node_modules/**', '**/dist/**']
const byNumber = new Intl.Collator('en', { numeric: true }).compare

/** Reads the requirements below `root` and finds the tests that prove them. */
export function readCoverage(root: string): Coverage {
  const proofs = findProofs(root)
  const deviations = findDeviations(root)
  const file = readFileSync(join(root, 'docs/security/requirements.json'), 'utf8')
  const { requirements: rows } = JSON.parse(file) as { requirements: RequirementRow[] }
  const requirements = rows
    .map((row) => toRequirement(row, { proofs, deviations }))
    .sort((one, other) => byNumber(one.chapter, other.chapter) || byNumber(one.name, other.name))

  const known = new Set(requirements.map(({ name }) => name))
  const mistakes = [...proofs]
    .filter(([name]) => !known.has(name))
    .flatMap(([name, tests]) => tests.map((test) => `No requirement has the id "${name}": ${test}`))
  return { requirements, mistakes }
}

/** Compares the tests with covered.json, and says in a sentence each what is wrong; nothing when they agree. */
export function checkCoverage(root: string): string[] {
  const { requirements, mistakes } = readCoverage(root)
  const proven = provenNames(requirements)
  const covered = JSON.parse(readFileSync(coveredFile(root), 'utf8')) as string[]
  const lost = covered.filter((name) => !proven.includes(name))
  const gained = proven.filter((name) => !covered.includes(name))
  return [
    ...mistakes,
    ...lost.map((name) => `${name} has lost its test: no test names it any more`),
    ...gained.map((name) => `${name} is proven but not in covered.json: run npm run requirements -- --write`),
  ]
}

/** Makes covered.json agree with the tests. */
export function writeCoverage(root: string) {
  const proven = provenNames(readCoverage(root).requirements)
  writeFileSync(coveredFile(root), `${JSON.stringify(proven, undefined, 2)}\n`)
  return proven.length
}

/** A line for each chapter and one for all: how much is due now, proven, deviating, missing, later, not applicable. */
export function describeChapters(requirements: readonly Requirement[]): string {
  const chapters = Map.groupBy(requirements, ({ chapter }) => chapter)
  const rows = [...chapters, ['all', requirements] as const].map(([chapter, members]) => {
    const due = members.filter(({ state }) => state === 'due')
    const proven = due.filter(isProven).length
    const later = members.filter(({ state }) => state === 'later').length
    const notApplicable = members.filter(({ state }) => state === 'not applicable').length
    const missing = due.filter(isMissing).length
    return [chapter, due.length, proven, due.length - proven - missing, missing, later, notApplicable]
  })
  const heads = ['chapter', 'due now', 'proven', 'deviating', 'missing', 'later', 'not applicable']
  const line = (cells: readonly (string | number)[]) =>
    cells.map((cell, column) => (column === 0 ? `${cell}`.padEnd(9) : `${cell}`.padStart(15))).join(' ')
  return [heads, ...rows].map(line).join('\n')
}

/** Each requirement with its state and its tests. */
export function describeRequirements(requirements: readonly Requirement[]): string {
  return requirements
    .map((requirement) => {
      const { name, statement, provenBy } = requirement
      return [`${name} (${verdictOn(requirement)}) ${statement}`, ...provenBy.map((test) => `    ${test}`)].join('\n')
    })
    .join('\n')
}

function verdictOn(requirement: Requirement): string {
  if (isProven(requirement)) return requirement.isDeviation ? 'proven, deviates in part' : 'proven'
  if (requirement.state === 'due') return requirement.isDeviation ? 'deviates' : 'missing'
  return requirement.state
}

function findProofs(root: string): Map<string, string[]> {
  const proofs = new Map<string, string[]>()
  for (const file of globSync(testFiles, { cwd: root, exclude: notOurs }).sort()) {
    for (const title of testTitles(readFileSync(join(root, file), 'utf8'))) {
      for (const name of namesIn(title)) proofs.set(name, [...(proofs.get(name) ?? []), `${file}: ${title}`])
    }
  }
  return proofs
}

/** A bracket that begins like an id is a list of ids, so that a slip of the pen in it cannot go unseen. */
function namesIn(title: string): string[] {
  const brackets = title.matchAll(/\[((?:ASVS|RFC ?\d|NIST)[^\]]*)\]/g)
  return [...brackets].flatMap(([, list = '']) => list.split(',').map((name) => name.trim()))
}

const sources: Record<string, string> = { ASVS: 'ASVS ', 'NIST SP 800-63B-4': 'NIST63B4-' }

/** What the table of deviations is against, as `RFC9068-6`: `RFC 9068 2.1, 2.2` are two sections of one source. */
function findDeviations(root: string): string[] {
  const file = join(root, 'SECURITY.md')
  if (!existsSync(file)) return []
  const rows = tableRows(sectionOf(readFileSync(file, 'utf8'), 'Deviations'))
  return rows.flatMap(([, against = '']) => {
    const sections = against.matchAll(/(?:(ASVS|RFC \d+|NIST SP 800-63B-4) |, )(\d[\w.-]*)/g)
    let prefix = ''
    return [...sections].map(([, source, section]) => {
      if (source) prefix = sources[source] ?? `${source.replace(' ', '')}-`
      return prefix + section
    })
  })
}

type Findings = { proofs: ReadonlyMap<string, readonly string[]>; deviations: readonly string[] }

function toRequirement(row: RequirementRow, { proofs, deviations }: Findings): Requirement {
  const isAsvs = /^\d/.test(row.id)
  const name = isAsvs ? `ASVS ${row.id}` : row.id
  return {
    name,
    chapter: (isAsvs ? row.section.split('.')[0] : row.id.split('-')[0]) ?? '',
    statement: row.statement,
    state: row.status ? 'not applicable' : row.applies === 'now' ? 'due' : 'later',
    provenBy: proofs.get(name) ?? [],
    // One that stands against a section is against each of its lettered parts.
    isDeviation: deviations.some((against) => name === against || name.replace(/[a-z]$/, '') === against),
  }
}

function isProven({ provenBy }: Requirement) {
  return provenBy.length > 0
}

export function isMissing(requirement: Requirement) {
  return requirement.state === 'due' && !isProven(requirement) && !requirement.isDeviation
}

function provenNames(requirements: readonly Requirement[]) {
  return requirements
    .filter(isProven)
    .map(({ name }) => name)
    .sort(byNumber)
}

function coveredFile(root: string) {
  return join(root, 'docs/security/covered.json')
}

function main(root: string) {
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: { missing: flag, check: flag, write: flag, chapter: { type: 'string' } },
  })
  if (values.write) console.log(`Wrote covered.json: ${writeCoverage(root)} requirements are proven`)

  const { requirements, mistakes } = readCoverage(root)
  const { chapter } = values
  const chosen = requirements.filter((requirement) => chapter === undefined || requirement.chapter === chapter)
  if (chosen.length === 0) throw new Error(`No requirement belongs to the chapter "${chapter}"`)
  if (values.missing) console.log(describeRequirements(chosen.filter(isMissing)))
  else if (chapter) console.log(describeRequirements(chosen))
  else console.log(describeChapters(chosen))

  const problems = values.check ? checkCoverage(root) : mistakes
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
}

if (import.meta.main) main(join(import.meta.dirname, '..'))
