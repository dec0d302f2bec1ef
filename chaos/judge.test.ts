import { expect, test } from 'vitest'
import type { Deed } from './history.ts'
import { type Evidence, judge, mostGuesses } from './judge.ts'

const quiet: Evidence = {
  history: [],
  tables: { users: [], sessions: [], events: [], damage: [] },
  nodes: [],
  graceMilliseconds: 1_000,
  verifierLagMilliseconds: 5_000,
  limits: [],
  limitsArePer: 'process',
}

const deed = (facts: Partial<Deed>): Deed => ({
  kind: 'look',
  phase: 'storm',
  account: 'ada@example.com',
  address: '10.0.0.1',
  session: 'hers',
  startedAt: 0,
  endedAt: 1,
  outcome: 'acknowledged',
  ...facts,
})

const rulesBroken = (...history: Deed[]) => new Set(judge({ ...quiet, history }).map(({ rule }) => rule))
const login = deed({ kind: 'login' })
const logout = deed({ kind: 'logout', scope: 'local' })

test('judge() finds nothing where nothing was done', () => {
  expect(judge(quiet)).toEqual([])
})

test('judge() lets a verifier go on for as long as its proof may be old, and no longer', () => {
  const inTime = deed({ kind: 'verify', startedAt: 5_900 })
  const late = deed({ kind: 'verify', startedAt: 6_100 })

  expect(rulesBroken(logout, inTime)).not.toContain('logout undone')
  expect(rulesBroken(logout, late)).toContain('logout undone')
})

test('judge() takes what a node answers after a logout for undone at once, but not what was asked before', () => {
  expect(rulesBroken(logout, deed({ startedAt: 2 }))).toContain('logout undone')
  expect(rulesBroken(logout, deed({ startedAt: 0.5 }))).not.toContain('logout undone')
})

test('judge() holds a logout everywhere against the sessions that were open before', () => {
  const everywhere = deed({ kind: 'logout', scope: 'global', session: 'another', startedAt: 2, endedAt: 3 })

  expect(rulesBroken(login, everywhere, deed({ startedAt: 4 }))).toContain('logout undone')
  expect(rulesBroken(everywhere, { ...login, startedAt: 4, endedAt: 5 }, deed({ startedAt: 6 }))).not.toContain(
    'logout undone',
  )
})

test('judge() wants proof of each logout by every node', () => {
  expect(rulesBroken(logout)).toContain('not proven')
})

test('judge() lets a refresh token be taken again within the grace, with the same successor', () => {
  const first = deed({ kind: 'refresh', presented: 'one', successor: 'two' })
  const again = { ...first, startedAt: 900, endedAt: 901 }

  expect(rulesBroken(first, again)).not.toContain('refresh token honoured twice')
  expect(rulesBroken(first, { ...again, successor: 'three' })).toContain('refresh token honoured twice')
  expect(rulesBroken(first, { ...again, startedAt: 1_100 })).toContain('refresh token honoured twice')
})

test('judge() misses a session whose fresh refresh token is refused, unless its end was asked for', () => {
  const refused = deed({ kind: 'refresh', presented: 'one', outcome: 'refused', code: 'AUTH_REFRESH_INVALID' })
  const asked = deed({ ...logout, outcome: 'unknown' })

  expect(rulesBroken(refused)).toContain('session lost')
  expect(rulesBroken(asked, refused)).not.toContain('session lost')
})

test('judge() does not miss a session whose refresh was held back behind another with the same token', () => {
  const heldBack = deed({ kind: 'refresh', presented: 'one', endedAt: 3_000, outcome: 'refused' })
  const quick = deed({ kind: 'refresh', presented: 'one', successor: 'two', startedAt: 0.5 })

  expect(rulesBroken(heldBack, quick)).not.toContain('session lost')
  expect(rulesBroken(heldBack, { ...quick, startedAt: 4_000, endedAt: 4_001 })).toContain('session lost')
})

test('judge() misses an account whose login is refused after any acknowledged one', () => {
  const refused = deed({ kind: 'login', startedAt: 2, outcome: 'refused', code: 'AUTH_FAILED' })

  expect(rulesBroken(login, refused)).toContain('account lost')
  expect(rulesBroken(deed({ kind: 'signup', outcome: 'unknown' }), refused)).not.toContain('account lost')
})

test('judge() finds an account that nobody asked for', () => {
  const users = [{ id: 'u', email: 'ghost@example.com' }]

  const found = judge({ ...quiet, tables: { ...quiet.tables, users } })

  expect(found.map(({ rule }) => rule)).toContain('rows without their deed')
})

test('judge() finds an answer that is neither in place nor a plain 503', () => {
  expect(rulesBroken(deed({ outcome: 'unknown', status: 500 }))).toContain('answer out of place')
  expect(rulesBroken(deed({ outcome: 'refused', status: 401, code: 'AUTH_INVALID' }))).toContain('answer out of place')
  expect(rulesBroken(deed({ outcome: 'unknown', status: 503 }), deed({ outcome: 'unknown' })).size).toBe(0)
})

test('mostGuesses() grows with the processes that lived meanwhile, where each counts by itself', () => {
  const limit = { name: 'login', countsBy: 'address', attempts: 5, windowSeconds: 60 } as const
  const minute = { from: 100_000, to: 160_000 }

  expect(mostGuesses(limit, [{ from: 100_000, to: Infinity }], minute)).toBe(5)
  expect(mostGuesses(limit, [{ from: 0, to: Infinity }], minute)).toBe(10)
  expect(mostGuesses(limit, [{ from: 0, to: 99_000 }], minute)).toBe(0)
  expect(
    mostGuesses(
      limit,
      [
        { from: 0, to: 120_000 },
        { from: 121_000, to: Infinity },
      ],
      minute,
    ),
  ).toBe(15)
})
