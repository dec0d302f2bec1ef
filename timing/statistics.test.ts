import { expect, test } from 'vitest'
import { chanceOf } from '../chaos/random.ts'
import { compare } from './statistics.ts'

/** Differences of a loaded machine, in microseconds: most are small, a few are long, and both sides get the long ones. */
function differencesOf(count: number, shift: number, seed = 1): number[] {
  const { fraction } = chanceOf(seed)
  const time = () => 3_000 + 100 * fraction() + (fraction() < 0.05 ? 20_000 * fraction() : 0)
  return Array.from({ length: count }, () => time() + shift - time())
}

test('compare() finds no difference where there is none, and says that there is none', () => {
  const verdicts = Array.from({ length: 50 }, (_, seed) => compare(differencesOf(2_000, 0, seed), 25).verdict)

  expect(new Set(verdicts)).toEqual(new Set(['equal']))
})

test.each([20, -20])('compare() finds a shift of %i microseconds under tails of 20,000', (shift) => {
  const { verdict, z, median } = compare(differencesOf(2_000, shift), 25)

  expect(verdict).toBe('different')
  expect(Math.sign(z)).toBe(Math.sign(shift))
  expect(Math.abs(median - shift)).toBeLessThan(5)
})

test('compare() gives an interval that holds the true shift 95 times of 100', () => {
  const intervals = Array.from({ length: 400 }, (_, seed) => compare(differencesOf(200, 7, seed), 25))

  const share = intervals.filter(({ low, high }) => low <= 7 && 7 <= high).length / intervals.length
  expect(share).toBeGreaterThan(0.92)
  expect(share).toBeLessThan(0.99)
})

test('compare() leaves undecided what has too few pairs for its margin', () => {
  const { verdict } = compare(differencesOf(20, 0), 1)

  expect(verdict).toBe('undecided')
})

test('compare() counts no difference for neither side', () => {
  const comparison = compare([0, 0, 0, 0], 25)

  expect(comparison).toEqual({ pairs: 4, z: 0, median: 0, low: 0, high: 0, verdict: 'equal' })
})

test('compare() knows the sign test and the interval of ten pairs', () => {
  const comparison = compare([-3, -1, 2, 4, 6, 8, 10, 12, 14, 16], 25)

  expect(comparison).toMatchObject({ z: 6 / Math.sqrt(10), median: 7, low: -3, high: 16 })
})
