import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { maxKeys, memoryLimit, unlimited } from './memory-limit.ts'

const rate = { attempts: 5, windowSeconds: 60 }

beforeEach(() => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
})

test('spend() lets five attempts pass and refuses the sixth, with the wait and the quota', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 5)
  vi.advanceTimersByTime(20_500)

  const sixth = limit.spend('ada')

  await expect(sixth).rejects.toMatchObject({
    code: 'RATE_LIMIT_EXCEEDED',
    retryAfterSeconds: 40,
    quota: { name: 'login', limit: 5, windowSeconds: 60, remaining: 0, resetSeconds: 40 },
  })
})

test('spend() admits exactly five of a hundred parallel attempts [ASVS 15.4.1]', async () => {
  const limit = memoryLimit('login', rate)

  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => limit.spend('ada')))

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
})

test('spend() never tells to come back in less than a second', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 5)
  vi.advanceTimersByTime(59_999)

  const sixth = limit.spend('ada')

  await expect(sixth).rejects.toMatchObject({ retryAfterSeconds: 1 })
})

test('spend() counts anew when the window that began with the first attempt is over', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 6)
  vi.advanceTimersByTime(60_000)

  const outcomes = await spendTimes(limit, 'ada', 6)

  expect(outcomes).toEqual([...Array.from({ length: 5 }, () => 'fulfilled'), 'rejected'])
})

test('spend() is not put off by attempts that were refused: the window stays as it began', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 5)
  vi.advanceTimersByTime(59_000)
  await spendTimes(limit, 'ada', 20)
  vi.advanceTimersByTime(1_000)

  const next = limit.spend('ada')

  await expect(next).resolves.toBeUndefined()
})

test('spend() counts every key for itself', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 6)

  const other = limit.spend('bob')

  await expect(other).resolves.toBeUndefined()
})

test.each(['', '__proto__', 'constructor', 'toString', 'a:b', '\u0000'])(
  'spend() counts the key %j like any other',
  async (key) => {
    const limit = memoryLimit('login', rate)

    const outcomes = await spendTimes(limit, key, 6)

    expect(outcomes).toEqual([...Array.from({ length: 5 }, () => 'fulfilled'), 'rejected'])
  },
)

test('spend() of one limit leaves another of another name alone', async () => {
  const [login, signup] = [memoryLimit('login', rate), memoryLimit('signup', rate)]
  await spendTimes(login, 'ada', 6)

  const other = signup.spend('ada')

  await expect(other).resolves.toBeUndefined()
})

test('giveBack() makes room for one attempt more', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 5)
  await limit.giveBack('ada')

  const outcomes = await spendTimes(limit, 'ada', 2)

  expect(outcomes).toEqual(['fulfilled', 'rejected'])
})

test('giveBack() makes no room beyond the limit where nothing was spent', async () => {
  const limit = memoryLimit('login', rate)
  await limit.giveBack('ada')

  const outcomes = await spendTimes(limit, 'ada', 6)

  expect(outcomes.at(-1)).toBe('rejected')
})

test('giveBack() makes no room in a window that began after the attempt', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 1)
  vi.advanceTimersByTime(60_000)
  await limit.giveBack('ada')

  const outcomes = await spendTimes(limit, 'ada', 6)

  expect(outcomes.at(-1)).toBe('rejected')
})

test('forget() begins anew for its key alone', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 6)
  await spendTimes(limit, 'bob', 6)
  await limit.forget('ada')

  const outcomes = [await spendTimes(limit, 'ada', 6), await spendTimes(limit, 'bob', 1)].flat()

  expect(outcomes).toEqual([...Array.from({ length: 5 }, () => 'fulfilled'), 'rejected', 'rejected'])
})

test('unlimited lets everything pass', async () => {
  const outcomes = await spendTimes(unlimited, 'ada', 1_000)

  expect(new Set(outcomes)).toEqual(new Set(['fulfilled']))
  await expect(unlimited.giveBack('ada')).resolves.toBeUndefined()
  await expect(unlimited.forget('ada')).resolves.toBeUndefined()
})

async function spendTimes(limit: typeof unlimited, key: string, times: number): Promise<string[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: times }, () => limit.spend(key)))
  return outcomes.map(({ status }) => status)
}

test('assertOpen() counts nothing, and refuses a key that has spent its attempts until its window is over', async () => {
  const limit = memoryLimit('login', rate)
  for (let asked = 0; asked < 10; asked += 1) limit.assertOpen('ada')
  await spendTimes(limit, 'ada', 4)
  const early = () => limit.assertOpen('ada')

  expect(early).not.toThrow()
  await spendTimes(limit, 'ada', 1)
  expect(() => limit.assertOpen('ada')).toThrow(expect.objectContaining({ retryAfterSeconds: 60 }))
  vi.advanceTimersByTime(60_000)
  expect(() => limit.assertOpen('ada')).not.toThrow()
})

test('of more keys than there is room for the oldest are forgotten, a blocked one never before its time', async () => {
  const limit = memoryLimit('login', rate, 1_000)
  await spendTimes(limit, 'blocked', 5)
  await spendTimes(limit, 'oldest', 4)
  for (let key = 0; key < 100_000; key += 1) await limit.spend(`stranger ${key}`)
  await spendTimes(limit, 'newest', 4)
  await limit.spend('one more')

  const outcomes = [await spendTimes(limit, 'oldest', 5), await spendTimes(limit, 'newest', 2)].flat()

  expect(() => limit.assertOpen('blocked')).toThrow('Too many requests')
  expect(outcomes).toEqual([...Array.from({ length: 6 }, () => 'fulfilled'), 'rejected'])
})

test('where blocked keys alone fill the memory a new key is refused, and passes when their time is over', async () => {
  const limit = memoryLimit('login', { attempts: 1, windowSeconds: 60 }, 100)
  for (let key = 0; key < 100; key += 1) await limit.spend(`blocked ${key}`)

  const newcomer = await spendTimes(limit, 'ada', 1)
  const stillBlocked = await Promise.all(
    Array.from({ length: 100 }, (_, key) => spendTimes(limit, `blocked ${key}`, 1)),
  )
  vi.advanceTimersByTime(60_000)
  const later = await spendTimes(limit, 'ada', 1)

  expect([newcomer, new Set(stillBlocked.flat()), later]).toEqual([['rejected'], new Set(['rejected']), ['fulfilled']])
})

test('an attempt given back to a blocked key opens it', async () => {
  const limit = memoryLimit('login', rate)
  await spendTimes(limit, 'ada', 5)
  await limit.giveBack('ada')

  expect(() => limit.assertOpen('ada')).not.toThrow()
  expect(await spendTimes(limit, 'ada', 2)).toEqual(['fulfilled', 'rejected'])
})

test('a flood of more keys than the bound keeps under 100 MB', async () => {
  const limit = memoryLimit('login', rate)
  const before = process.memoryUsage().heapUsed
  for (let key = 0; key < 2 * maxKeys; key += 1) await limit.spend(`127.${key >> 16}.${(key >> 8) & 255}.${key & 255}`)

  const grown = process.memoryUsage().heapUsed - before

  expect(grown).toBeLessThan(100_000_000)
})
