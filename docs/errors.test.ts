import { expect, test } from 'vitest'
import { Refusal, type RefusalCode, refusals } from '../packages/server/src/domain/refusal.ts'
import { problemOf } from '../packages/server/src/http/problem.ts'
import { tokenErrors } from '../packages/verify/src/token-error.ts'
import { readPage, sectionOf, tableRows } from './markdown.ts'

const page = readPage('docs/errors.md')

test('docs/errors.md lists every code of the server with its status and message, and no other', () => {
  const documented = tableRows(sectionOf(page, 'Codes of the server')).map((row) => row.slice(0, 3))

  const actual = (Object.keys(refusals) as RefusalCode[]).map((code) => [
    code,
    String(problemOf(new Refusal(code), { requestId: crypto.randomUUID(), now: 0 }).status),
    refusals[code],
  ])
  expect(documented).toEqual(actual)
})

test('docs/errors.md lists every code of @latchkey/verify with its status and message, and no other', () => {
  const documented = tableRows(sectionOf(page, 'Codes of @latchkey/verify')).map((row) => row.slice(0, 3))

  const actual = Object.entries(tokenErrors).map(([code, { status, message }]) => [code, String(status), message])
  expect(documented).toEqual(actual)
})

test('docs/errors.md says of every code when it comes and what the client should do', () => {
  const silent = tableRows(page).filter(([, , , when = '', what = '']) => when === '' || what === '')

  expect(silent).toEqual([])
})
