import { createHmac, createVerify, timingSafeEqual, type Verify, verify } from 'node:crypto'
import type { VerificationKey } from './keys.ts'

/**
 * Whether the signature over this text was made with the key, by the algorithm that the key is bound to.
 *
 * The text stands for its octets, one a character (`latin1`), as in a JWS signing input (RFC 7515 5.2 step 8).
 * Whatever goes wrong inside the cryptography counts as a signature that does not match (RFC 8725 3.3).
 */
export function signatureMatches(key: VerificationKey, signed: string, signature: Uint8Array): boolean {
  try {
    return check(key, signed, signature)
  } catch {
    return false
  }
}

function check({ algorithm, key }: VerificationKey, signed: string, signature: Uint8Array): boolean {
  switch (algorithm) {
    case 'HS256': {
      const expected = createHmac('sha256', key).update(signed, 'latin1').digest()
      return expected.length === signature.length && timingSafeEqual(expected, signature)
    }
    case 'ES256':
      return signature.length === 64 && hashed(signed).verify({ key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'EdDSA':
      return signature.length === 64 && verify(null, Buffer.from(signed, 'latin1'), key, signature)
    case 'RS256':
      return hashed(signed).verify(key, signature)
  }
}

/** Takes the text as it is; the one-shot `verify` wants a copy of it in a buffer. */
function hashed(signed: string): Verify {
  return createVerify('sha256').update(signed, 'latin1')
}
