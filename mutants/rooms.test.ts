import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { accepted } from './accepted.ts'
import { isFailure, type Mutant, writeInto } from './report.ts'
import { rooms } from './rooms.ts'

const root = join(import.meta.dirname, '..')

test.each(rooms)('npm run mutants -- $name finds files to mutate, tests, and a place on its page', (room) => {
  const page = readFileSync(join(root, 'docs/mutants.md'), 'utf8')

  for (const pattern of [...room.mutate, ...room.tests].flatMap(alternatives)) {
    expect(globSync(pattern, { cwd: root }), pattern).not.toEqual([])
  }
  expect(writeInto(page, { name: room.name, judged: 0, files: 1, mutants: [] })).toContain(
    '| 0 of 1 | 0 | 0 | 100.0 % |',
  )
})

test('npm run mutants leaves out no file of @latchkey/verify', () => {
  const mutated = new Set(rooms.flatMap(({ mutate }) => globSync([...mutate], { cwd: root })))
  const sources = globSync('packages/verify/src/!(*.test|index).ts', { cwd: root })

  expect(sources.filter((file) => !mutated.has(file))).toEqual([])
})

test.each(accepted)('the accepted mutant of $file still stands in it: $line', ({ file, line, original }) => {
  const source = readFileSync(join(root, file), 'utf8')

  expect(source.split('\n').map((text) => text.trim())).toContain(line)
  expect(source).toContain(original)
  expect(line).toContain(original.split('\n')[0])
})

test.each([
  ['one in ten lives, for a reason', [...killed(9), alive('it does the same')], false],
  ['one in ten lives, and nobody said why', [...killed(9), alive(undefined)], true],
  ['two in ten live, for a reason', [...killed(8), alive('it does the same'), alive('it does the same')], true],
])('npm run mutants judges a room where %s', (_what, mutants, expected) => {
  const failed = isFailure(mutants)

  expect(failed).toBe(expected)
})

/** `{a,b}.ts` names two files: each must be there. */
function alternatives(pattern: string): string[] {
  const [, before = '', inside = '', after = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(pattern) ?? []
  return inside === '' ? [pattern] : inside.split(',').map((one) => `${before}${one}${after}`)
}

function killed(times: number): Mutant[] {
  return Array.from({ length: times }, () => ({ ...alive(undefined), status: 'Killed' }))
}

function alive(reason: string | undefined): Mutant {
  return { file: 'a.ts', line: 1, status: 'Survived', original: 'a', replacement: 'b', reason }
}
