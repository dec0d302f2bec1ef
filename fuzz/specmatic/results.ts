import type { Accepted } from './accepted.ts'

export type Failure = { test: string; answered: number; what: string }
export type Results = { tests: number; failures: Failure[] }

/** Reads what Specmatic writes for JUnit. */
export function readResults(xml: string): Results {
  const tests = xml.split('<testcase ').slice(1)
  const failures = tests.flatMap((test) => {
    const what = plain(/<(?:failure|error) message="([^"]*)"/.exec(test)?.[1])
    if (what === undefined) return []
    const name = plain(/ name="([^"]*)"/.exec(test)?.[1]) ?? ''
    const answered = Number(/(?:received|contained status) ([1-5][0-9]{2})/.exec(what)?.[1] ?? 0)
    return [{ test: name.replace(/^.*Scenario: /, ''), answered, what }]
  })
  return { tests: tests.length, failures }
}

/** What is not accepted of the failures, and what is accepted and did not fail: the reason given for it is wrong then. */
export function judgeResults({ tests, failures }: Results, accepted: readonly Accepted[]) {
  const fits = ({ test, answered }: Failure, one: Accepted) => one.test.test(test) && one.answered === answered
  return {
    isRun: tests > 1,
    broken: failures.filter((failure) => !accepted.some((one) => fits(failure, one))),
    stale: accepted.filter((one) => !failures.some((failure) => fits(failure, one))),
  }
}

const names: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', '#10': '\n' }

function plain(text: string | undefined): string | undefined {
  return text?.replace(/&([a-z]+|#10);/g, (whole, name: string) => names[name] ?? whole)
}
