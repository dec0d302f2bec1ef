/** What pairs of measurements say of the difference between their two sides. */
export type Comparison = {
  pairs: number
  /** Of the paired sign test: how many standard deviations the number of pairs in which the one side took longer is off. */
  z: number
  /** Of the differences, with its 95 % confidence interval, in the unit in which they were given. */
  median: number
  low: number
  high: number
  verdict: Verdict
}

/** `undecided`: nothing was found, and the interval is too wide to say that there is nothing. */
export type Verdict = 'equal' | 'different' | 'undecided'

/** Chance alone goes beyond it once in 150,000 comparisons. */
const foundBeyond = 4.5
/** Of a normal distribution: 95 % lie within as many standard deviations. */
const within95 = 1.96

/**
 * Compares the two sides of pairs by the sign of each difference and the median of all. Neither minds the long tails
 * that garbage collection and other programs put on times; means and Welch's t do. The interval is the one that turns
 * the sign test around: it stands between two of the differences, whatever their distribution.
 *
 * Lack of proof is no proof: sides are equal where the whole interval lies within the margin.
 *
 * @param differences one side less the other, in any unit
 * @param margin how far apart the sides may be, in the same unit
 */
export function compare(differences: readonly number[], margin: number): Comparison {
  const sorted = differences.toSorted((one, other) => one - other)
  const pairs = sorted.length
  const longer = sorted.filter((difference) => difference > 0).length
  const shorter = sorted.filter((difference) => difference < 0).length
  const z = (longer - shorter) / Math.sqrt(Math.max(longer + shorter, 1))

  const at = (place: number) => sorted[Math.min(Math.max(place, 0), pairs - 1)] ?? Number.NaN
  const below = Math.floor((pairs - within95 * Math.sqrt(pairs)) / 2) - 1
  const [low, high] = [at(below), at(pairs - 1 - below)]
  const median = (at(Math.floor((pairs - 1) / 2)) + at(Math.ceil((pairs - 1) / 2))) / 2

  const isWithin = low >= -margin && high <= margin
  const verdict = Math.abs(z) >= foundBeyond ? 'different' : isWithin ? 'equal' : 'undecided'
  return { pairs, z, median, low, high, verdict }
}
