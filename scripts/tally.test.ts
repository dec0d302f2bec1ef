import { expect, test } from 'vitest'
import { describeTally, type VitestReport } from './tally.ts'

const clean: VitestReport = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ status: 'passed', assertionResults: [{}] }],
}

test('describeTally() counts what passed and what failed', () => {
  const line = describeTally({ ...clean, numFailedTests: 2 })

  expect(line).toBe('7 passed, 2 failed')
})

test('describeTally() tells how many were skipped or are still to be written', () => {
  const line = describeTally({ ...clean, numPendingTests: 1, numTodoTests: 2 })

  expect(line).toBe('7 passed, 0 failed, 3 skipped')
})

test('describeTally() counts a file that broke before its first test as a failed test', () => {
  const line = describeTally({ ...clean, testResults: [{ status: 'failed', assertionResults: [] }] })

  expect(line).toBe('7 passed, 1 failed')
})
