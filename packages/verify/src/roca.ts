const generator = 65_537n

/** The odd primes up to 167. A sound modulus passes for a weak one with a chance of less than one in 2^27. */
const primes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
].map(BigInt)

/**
 * Whether an RSA modulus has the mark of the chips whose keys can be factored (ROCA, CVE-2017-15361): modulo every
 * small prime it is a power of 65537.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return primes.every((prime) => powersOf(generator, prime).has(modulus % prime))
}

function powersOf(base: bigint, prime: bigint): Set<bigint> {
  const powers = new Set<bigint>()
  for (let power = 1n; !powers.has(power); power = (power * base) % prime) powers.add(power)
  return powers
}
