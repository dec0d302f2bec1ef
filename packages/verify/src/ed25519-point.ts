const prime = 2n ** 255n - 19n

/** The d of -x² + y² = 1 + d·x²·y² (RFC 8032 5.1). */
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/** The y of a point of order eight; the other such points have it or its negative. */
const orderEight = 2707385501144840649318225287225658788936804267575313519463743609750303402022n

/** The y of the points whose order divides eight. With such a key one signature fits many messages. */
const smallOrder = new Set([0n, 1n, prime - 1n, orderEight, prime - orderEight])

/**
 * Whether 32 bytes are a public key of Ed25519: the canonical form of a point that lies on the curve and is not of
 * small order (RFC 8032 5.1.3, RFC 8725 3.4).
 *
 * Does NOT check that the point is in the prime-order subgroup: signatures are safe without.
 */
export function isEd25519Point(bytes: Uint8Array): boolean {
  const number = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  const y = number & (2n ** 255n - 1n)
  return bytes.length === 32 && y < prime && !smallOrder.has(y) && hasX(y)
}

/** Whether (y² - 1) / (d·y² + 1) is a square, so that an x exists: Euler's criterion. */
function hasX(y: bigint): boolean {
  const square = (y * y) % prime
  // u/v is a square exactly when u·v is one, and v is never zero on this curve.
  const product = ((square - 1n) * (d * square + 1n)) % prime
  return power(product, (prime - 1n) / 2n) === 1n
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let factor = base % prime
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * factor) % prime
    factor = (factor * factor) % prime
  }
  return result
}
