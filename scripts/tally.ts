/** What we read of the report that vitest's JSON reporter writes. */
export type VitestReport = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly object[] }[]
}

/**
 * Counts the tests in one line: `N passed, N failed`, and `, N skipped` when some were.
 *
 * A file that broke before its first test has no failed test, so it counts as one: nothing that went wrong reads as 0.
 */
export function describeTally(report: VitestReport): string {
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  )
  const failed = report.numFailedTests + broken.length
  const skipped = report.numPendingTests + report.numTodoTests
  return `${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
