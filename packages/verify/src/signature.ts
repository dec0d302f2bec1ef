import { createHmac, timingSafeEqual, verify } from 'node:crypto'
import type { VerificationKey } from './keys.ts'

/**
 * Whether the signature over these octets was made with the key, by the algorithm that the key is bound to.
 *
 * Whatever goes wrong inside the cryptography counts as a signature that does not match (RFC 8725 3.3).
 */
export function signatureMatches(key: VerificationKey, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return check(key, signed, signature)
  } catch {
    return false
  }
}

function check({ algorithm, key }: VerificationKey, signed: Uint8Array, signature: Uint8Array): boolean {
  switch (algorithm) {
    case 'HS256': {
      const expected = createHmac('sha256', key).update(signed).digest()
      return expected.length === signature.length && timingSafeEqual(expected, signature)
    }
    case 'ES256':
      return signature.length === 64 && verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'EdDSA':
      return signature.length === 64 && verify(null, signed, key, signature)
    case 'RS256':
      return verify('sha256', signed, key, signature)
  }
}
