import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkCoverage, describeChapters, isMissing, readCoverage, writeCoverage } from './requirements.ts'

const requirements = [
  { id: '9.1.2', section: 'V9.1 Token source', statement: 'Algorithms are fixed.', applies: 'now' },
  { id: '9.1.10', section: 'V9.1 Token source', statement: 'Keys are fixed.', applies: 'now' },
  { id: 'RFC7519-4.1.4', section: '4.1.4', statement: 'exp counts.', applies: 'now' },
  {
    id: '6.6.1',
    section: 'V6.6 Phones',
    statement: 'No phone.',
    applies: 'n/a',
    status: { notApplicable: 'no phones' },
  },
  { id: '6.7.1', section: 'V6.7 Passkeys', statement: 'Keys are kept.', applies: 'later:passkeys' },
]

/** A repository of its own, with the given tests in it. */
function repositoryWith(tests: string, covered: string[] = [], more: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'requirements-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const files = {
    'docs/security/requirements.json': JSON.stringify({ requirements }),
    'docs/security/covered.json': JSON.stringify(covered),
    'packages/verify/src/token.test.ts': tests,
    'packages/verify/node_modules/other/other.test.ts': `test('is not ours [ASVS 9.1.10]', () => {})`,
    ...more,
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

function provenIn(root: string) {
  const { requirements } = readCoverage(root)
  return requirements.filter(({ provenBy }) => provenBy.length > 0).map(({ name }) => name)
}

test.each([
  ['a plain test', `test('refuses none [ASVS 9.1.2]', () => {})`],
  ['it()', `it("refuses none [ASVS 9.1.2]", () => {})`],
  ['a describe', `describe('algorithms [ASVS 9.1.2]', () => {})`],
  ['a table', `test.each([['none'], ['[RFC7519-4.1.4]']])('refuses %s [ASVS 9.1.2]', () => {})`],
  ['one engine alone', "onSqlite('refuses another form [ASVS 9.1.2]', () => {})"],
  ['a tagged table', 'test.each`form\n`("refuses $form [ASVS 9.1.2]", () => {})'],
  ['a condition', `test.skipIf(onWindows)('refuses none [ASVS 9.1.2]', () => {})`],
  ['a template', `for (const form of forms) test(\`refuses \${form} [ASVS 9.1.2]\`, () => {})`],
  ['a test inside another call', `suite(() => { test.concurrent('refuses none [ASVS 9.1.2]', () => {}) })`],
])('readCoverage() finds the id in the name of %s', (_form, source) => {
  const root = repositoryWith(source)

  const proven = provenIn(root)

  expect(proven).toEqual(['ASVS 9.1.2'])
})

test('readCoverage() takes several ids from one bracket and from several brackets', () => {
  const root = repositoryWith(`test('a [ASVS 9.1.2, RFC7519-4.1.4] and [ASVS 9.1.10]', () => {})`)

  const proven = provenIn(root)

  expect(proven).toEqual(['RFC7519-4.1.4', 'ASVS 9.1.2', 'ASVS 9.1.10'])
})

test.each([
  ['a comment', `// test('refuses none [ASVS 9.1.2]', () => {})`],
  ['a string that is no name', `test('refuses none', () => { say('[ASVS 9.1.2]') })`],
  ['a skipped test', `test.skip('refuses none [ASVS 9.1.2]', () => {})`],
  ['a planned test', `test.todo('refuses none [ASVS 9.1.2]')`],
])('readCoverage() takes no id from %s', (_place, source) => {
  const root = repositoryWith(source)

  const proven = provenIn(root)

  expect(proven).toEqual([])
})

test.each(['[ASVS 9.9.9]', '[RFC7519-9]', '[ASVS 9.1.2, 9.1.10]', '[ASVS9.1.2]', '[RFC 7519-4.1.4]', '[NIST-1]'])(
  'readCoverage() reports %s in a name as a mistake',
  (bracket) => {
    const root = repositoryWith(`test('refuses none ${bracket}', () => {})`)

    const { mistakes } = readCoverage(root)

    expect(mistakes).toEqual([expect.stringContaining(`packages/verify/src/token.test.ts: refuses none ${bracket}`)])
  },
)

test('readCoverage() takes a bracket that does not begin like an id for text', () => {
  const root = repositoryWith(`test('reads [1, 2] and [a, b]', () => {})`)

  const { mistakes } = readCoverage(root)

  expect(mistakes).toEqual([])
})

test('isMissing() is true for what is due now and has no test, and for nothing else', () => {
  const root = repositoryWith(`test('refuses none [ASVS 9.1.2]', () => {})`)

  const missing = readCoverage(root).requirements.filter(isMissing)

  expect(missing.map(({ name }) => name)).toEqual(['RFC7519-4.1.4', 'ASVS 9.1.10'])
})

test('describeChapters() counts each chapter and all of them', () => {
  const root = repositoryWith(`test('refuses none [ASVS 9.1.2]', () => {})`)

  const table = describeChapters(readCoverage(root).requirements)

  const rows = table.split('\n').map((line) => line.trim().split(/ {2,}/))
  expect(rows).toEqual([
    ['chapter', 'due now', 'proven', 'deviating', 'missing', 'later', 'not applicable'],
    ['RFC7519', '1', '0', '0', '1', '0', '0'],
    ['V6', '0', '0', '0', '0', '1', '1'],
    ['V9', '2', '1', '0', '1', '0', '0'],
    ['all', '3', '1', '0', '2', '1', '1'],
  ])
})

test.each([
  ['ASVS 9.1.2, 9.1.10', ['RFC7519-4.1.4']],
  ['ASVS 9.1.10', ['RFC7519-4.1.4', 'ASVS 9.1.2']],
  ['RFC 7519 4.1.4, ASVS 9.1.1', ['ASVS 9.1.2', 'ASVS 9.1.10']],
  ['the contract', ['RFC7519-4.1.4', 'ASVS 9.1.2', 'ASVS 9.1.10']],
])('isMissing() is false for what a deviation is against: %s', (against, rest) => {
  const page = `## Deviations\n\n| what | against |\n|---|---|\n| otherwise | ${against} |\n`
  const root = repositoryWith('', [], { 'SECURITY.md': page })

  const missing = readCoverage(root).requirements.filter(isMissing)

  expect(missing.map(({ name }) => name)).toEqual(rest)
})

test('a deviation is against every lettered part of a section', () => {
  const page = '## Deviations\n\n| what | against |\n|---|---|\n| otherwise | NIST SP 800-63B-4 3.2.2 |\n'
  const lettered = [{ id: 'NIST63B4-3.2.2a', section: '3.2.2a', statement: 'Waits grow.', applies: 'now' }]
  const root = repositoryWith('', [], {
    'SECURITY.md': page,
    'docs/security/requirements.json': JSON.stringify({ requirements: lettered }),
  })

  expect(readCoverage(root).requirements.filter(isMissing)).toEqual([])
})

test('checkCoverage() is content when covered.json names what is proven', () => {
  const root = repositoryWith(`test('refuses none [ASVS 9.1.2]', () => {})`, ['ASVS 9.1.2'])

  const problems = checkCoverage(root)

  expect(problems).toEqual([])
})

test('checkCoverage() reports a requirement that has lost its test', () => {
  const root = repositoryWith(`test('refuses none', () => {})`, ['ASVS 9.1.2'])

  const problems = checkCoverage(root)

  expect(problems).toEqual(['ASVS 9.1.2 has lost its test: no test names it any more'])
})

test('checkCoverage() reports a proven requirement that covered.json does not name', () => {
  const root = repositoryWith(`test('refuses none [ASVS 9.1.2]', () => {})`)

  const problems = checkCoverage(root)

  expect(problems).toEqual(['ASVS 9.1.2 is proven but not in covered.json: run npm run requirements -- --write'])
})

test('writeCoverage() makes covered.json name what is proven, in order', () => {
  const root = repositoryWith(`test('refuses none [ASVS 9.1.10, ASVS 9.1.2]', () => {})`, ['RFC7519-4.1.4'])

  writeCoverage(root)

  const covered = readFileSync(join(root, 'docs/security/covered.json'), 'utf8')
  expect(JSON.parse(covered)).toEqual(['ASVS 9.1.2', 'ASVS 9.1.10'])
  expect(checkCoverage(root)).toEqual([])
})
