import { expect, test } from 'vitest'
import { judgeResults, readResults } from './results.ts'

const begin =
  '<testcase classname="c" name="Contract Tests &gt; contractTest() &gt; -ve  Scenario: POST /login -&gt; 4xx'
const report = (...rest: string[]) =>
  `<testsuite>${rest.map((one) => `${begin}${one}</testcase>`).join('\n')}</testsuite>`
const passed = ' with &apos;a&apos;" time="0.1"><system-out/>'
const failed =
  ' with &apos;b&apos;" time="0.1"><failure message="API: POST /login&#10;Expected 4xx status, but received 200" type="e"/>'
const accepted = { test: /POST \/login -> 4xx with 'b'$/, answered: 200, why: 'for a reason' }

test('readResults() counts all tests, and tells of each that failed what was answered', () => {
  const results = readResults(report(passed, failed))

  expect(results).toEqual({
    tests: 2,
    failures: [
      {
        test: "POST /login -> 4xx with 'b'",
        answered: 200,
        what: 'API: POST /login\nExpected 4xx status, but received 200',
      },
    ],
  })
})

test('judgeResults() takes what is accepted, with the answer that is accepted', () => {
  const results = readResults(report(passed, failed))

  expect(judgeResults(results, [accepted])).toEqual({ isRun: true, broken: [], stale: [] })
  expect(judgeResults(results, [{ ...accepted, answered: 201 }]).broken).toEqual(results.failures)
  expect(judgeResults(results, []).broken).toEqual(results.failures)
})

test('judgeResults() tells what is accepted and does not fail any more', () => {
  expect(judgeResults(readResults(report(passed, passed)), [accepted]).stale).toEqual([accepted])
})

test('judgeResults() takes a suite that did not begin for none', () => {
  expect(judgeResults(readResults(report(failed)), [accepted]).isRun).toBe(false)
})
