import { expect, test } from 'vitest'
import type { Limit } from '../domain/limit.ts'
import { Refusal } from '../domain/refusal.ts'
import { testClock } from '../testing/test-clock.ts'
import { freshDatabase, openTestDatabase } from '../testing/test-database.ts'
import { memoryLimit } from './memory-limit.ts'
import { insuredLimit, sharedLimit } from './shared-limit.ts'

const rate = { attempts: 5, windowSeconds: 60 }

/** Nodes that count together, a clock, and how often each has asked the database to count. */
async function nodes(count: number, { name = 'login', windowSeconds = 60 } = {}) {
  const { store, migrations } = openTestDatabase(await freshDatabase())
  await migrations.up()
  const clock = testClock()
  const asked: number[] = []
  const limits = Array.from({ length: count }, (_, node) => {
    asked.push(0)
    const attempts: typeof store.attempts = {
      ...store.attempts,
      count: (...words) => {
        asked[node] = (asked[node] ?? 0) + 1
        return store.attempts.count(...words)
      },
    }
    return sharedLimit(name, { ...rate, windowSeconds }, { attempts, now: clock.now })
  })
  return { limits: limits as [Limit, Limit], clock, asked, store }
}

async function spendTimes(limit: Limit, key: string, times: number): Promise<string[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: times }, () => limit.spend(key)))
  return outcomes.map(({ status }) => status)
}

const countPassed = (outcomes: string[]) => outcomes.filter((status) => status === 'fulfilled').length

test('spend() at two nodes lets five attempts pass in all, and refuses the sixth with the wait and the quota', async () => {
  const { limits, clock } = await nodes(2)
  const [here, there] = limits
  await spendTimes(here, 'ada', 3)
  await spendTimes(there, 'ada', 2)
  clock.advance(20.5)

  const sixth = here.spend('ada')

  await expect(sixth).rejects.toMatchObject({
    code: 'RATE_LIMIT_EXCEEDED',
    retryAfterSeconds: 40,
    quota: { name: 'login', limit: 5, windowSeconds: 60, remaining: 0, resetSeconds: 40 },
  })
  await expect(there.spend('ada')).rejects.toMatchObject({ retryAfterSeconds: 40 })
})

test('spend() admits exactly five of a hundred parallel attempts at two nodes [ASVS 15.4.1]', async () => {
  const { limits } = await nodes(2)

  const outcomes = await Promise.all(limits.map((limit) => spendTimes(limit, 'ada', 50)))

  expect(countPassed(outcomes.flat())).toBe(5)
})

test('spend() of a blocked key asks the database nothing, until the window is over', async () => {
  const { limits, clock, asked } = await nodes(2)
  const [here, there] = limits
  await spendTimes(there, 'ada', 5)
  await spendTimes(here, 'ada', 1)

  const flood = await spendTimes(here, 'ada', 1000)
  const whileBlocked = [...asked]
  clock.advance(60)
  const after = await spendTimes(here, 'ada', 6)

  expect([countPassed(flood), whileBlocked, countPassed(after)]).toEqual([0, [1, 5], 5])
})

test('spend() is not put off by attempts that were refused, at any node: the window stays as it began', async () => {
  const { limits, clock } = await nodes(2)
  await spendTimes(limits[0], 'ada', 5)
  clock.advance(59)
  await spendTimes(limits[1], 'ada', 20)
  clock.advance(1)

  const next = limits[1].spend('ada')

  await expect(next).resolves.toBeUndefined()
})

test.each(['', '__proto__', 'a b', "'; drop table attempts; --", '\u0000'])(
  'spend() counts the key %j like any other',
  async (key) => {
    const { limits } = await nodes(1)

    const outcomes = await spendTimes(limits[0], key, 6)

    expect(countPassed(outcomes)).toBe(5)
    await expect(limits[0].spend('another')).resolves.toBeUndefined()
  },
)

test('giveBack() makes room for one attempt more, at any node', async () => {
  const { limits } = await nodes(2)
  await spendTimes(limits[0], 'ada', 5)
  await limits[0].giveBack('ada')

  const outcomes = await spendTimes(limits[1], 'ada', 2)

  expect(countPassed(outcomes)).toBe(1)
})

test('giveBack() makes no room where nothing was spent, nor in a window that began after the attempt', async () => {
  const { limits, clock } = await nodes(1)
  const [limit] = limits
  await limit.giveBack('ada')
  await spendTimes(limit, 'ada', 1)
  clock.advance(60)
  await limit.giveBack('ada')

  const outcomes = await spendTimes(limit, 'ada', 6)

  expect(countPassed(outcomes)).toBe(5)
})

test('forget() begins anew for its key alone, and at a node that blocks it within a minute', async () => {
  const { limits, clock } = await nodes(2, { windowSeconds: 3600 })
  const [here, there] = limits
  await spendTimes(here, 'ada', 6)
  await spendTimes(here, 'bob', 6)
  await spendTimes(there, 'ada', 1)
  await here.forget('ada')

  const atOnce = await spendTimes(here, 'ada', 1)
  clock.advance(60)
  const elsewhere = await spendTimes(there, 'ada', 1)
  const ofBob = await spendTimes(here, 'bob', 1)

  expect([atOnce, elsewhere, ofBob]).toEqual([['fulfilled'], ['fulfilled'], ['rejected']])
})

test('counts whose window is over are removed, the others stay', async () => {
  const { limits, clock, store } = await nodes(1)
  await spendTimes(limits[0], 'ada', 5)
  clock.advance(30)
  await spendTimes(limits[0], 'bob', 5)
  clock.advance(30)

  const removed = await store.expiry.removeAttempts({ at: clock.now(), limit: 10 })

  expect(removed).toEqual({ attempts: 1 })
  expect(countPassed(await spendTimes(limits[0], 'bob', 1))).toBe(0)
})

test('an insured limit counts in memory while the shared one cannot be had, and together again after that', async () => {
  const { limits, clock } = await nodes(2)
  let isAway = true
  let tries = 0
  const shared: Limit = {
    ...limits[0],
    spend: async (key) => {
      tries += 1
      if (isAway) throw new Refusal('UNAVAILABLE')
      await limits[0].spend(key)
    },
  }
  const insured = insuredLimit(shared, memoryLimit('global', rate), clock.now)

  const away = [await spendTimes(insured, 'ada', 1), await spendTimes(insured, 'ada', 9)].flat()
  const triesWhileAway = tries
  isAway = false
  clock.advance(1)
  await spendTimes(limits[1], 'ada', 5)
  const back = await spendTimes(insured, 'ada', 1)

  expect([countPassed(away), triesWhileAway, countPassed(back)]).toEqual([5, 1, 0])
})
