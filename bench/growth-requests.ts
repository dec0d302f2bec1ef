import { hashesOf, passwordsOf } from '../packages/server/src/cli/core.ts'
import { loadConfig } from '../packages/server/src/config/load-config.ts'
import { password, type Seeded, type Subject, settings, subject } from './growth-subject.ts'
import { medians } from './measure.ts'
import { atMost, type Finding } from './report.ts'

const rounds = 1_000
const mostTimes = 1.5

/** What requests cost on each of two databases, which take turns. Another user in each round. */
export async function compareRequests(small: Seeded, large: Seeded): Promise<Finding[]> {
  const subjects = [subject(small), subject(large)] as const
  const hashing = await hasher()
  try {
    const [few, many] = [waysOf(subjects[0]), waysOf(subjects[1])]
    const findings: Finding[] = []
    for (const name of ['login', 'refresh', 'me', 'session list', 'event page'] as const) {
      const hash = name === 'login' ? hashing.once : () => 0
      const taken = await medians({ few: few[name], many: many[name], hash }, rounds)
      const [before, after] = [taken.few - taken.hash, taken.many - taken.hash]
      const what = `${name}: ${before.toFixed(2)} ms with few, ${after.toFixed(2)} ms with many, times as much`
      findings.push(atMost(what, after / before, mostTimes, '', 2))
    }
    return findings
  } finally {
    await hashing.close()
    for (const { close } of subjects) await close()
  }
}

/** The requests that are timed, in milliseconds: those who logged in then ask for the rest, each in the same order. */
function waysOf({ ask, logIn, anyEmail }: Subject) {
  const signedIn: { token: string; refresh_token: string }[] = []
  const inTurn = (request: (tokens: { token: string; refresh_token: string }) => ReturnType<typeof ask>) => {
    const tokens = signedIn[Symbol.iterator]()
    return async () => {
      const { value, done } = tokens.next()
      if (done) throw new Error('Cannot measure: fewer have logged in than ask')
      return (await request(value)).milliseconds
    }
  }
  return {
    login: async () => {
      const { milliseconds, answer } = await logIn(anyEmail())
      signedIn.push(answer)
      return milliseconds
    },
    refresh: inTurn(({ refresh_token }) => ask('refresh', { body: { refresh_token } })),
    me: inTurn(({ token }) => ask('me', { token })),
    'session list': inTurn(({ token }) => ask('sessions', { token })),
    'event page': inTurn(({ token }) => ask('events?limit=20', { token })),
  }
}

/** What a login spends on the hash, with the way to the worker and back. */
async function hasher() {
  const config = loadConfig(settings)
  const hashes = hashesOf(config, () => {})
  const passwords = passwordsOf(config, hashes)
  const order = { purpose: 'login', network: 'bench' } as const
  const hash = await passwords.hash(password, order)
  return {
    once: async () => {
      const startedAt = performance.now()
      await passwords.matches(password, hash, order)
      return performance.now() - startedAt
    },
    close: hashes.close,
  }
}
