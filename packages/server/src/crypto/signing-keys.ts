import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { SigningAlgorithm, StoredSigningKey } from '../domain/signing-key.ts'
import type { Seal } from './seal.ts'

/** A key pair, ready to sign, and its public half as it is published. */
export type SigningKey = { id: string; algorithm: SigningAlgorithm; privateKey: KeyObject; publicJwk: PublicJwk }

type PublicJwk = Readonly<Record<string, unknown>>

/** 128 bits of strength (ASVS 11.2.3). */
const rsaBits = 3072

function generate(algorithm: SigningAlgorithm) {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('rsa', { modulusLength: rsaBits, publicExponent: 65_537 })
}

/**
 * Makes a key pair. Its id is the thumbprint of its public half (RFC 7638).
 * @param activatesAt milliseconds; from when on it signs
 */
export function newSigningKey(
  algorithm: SigningAlgorithm,
  { seal, now, activatesAt, tokenSeconds }: { seal: Seal; now: number; activatesAt: number; tokenSeconds: number },
): StoredSigningKey {
  const { publicKey, privateKey } = generate(algorithm)
  return {
    id: thumbprint(publicKey),
    algorithm,
    privateSealed: seal.close(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
    createdAt: now,
    activatesAt,
    tokenSeconds,
  }
}

/** @throws {Error} where the master key is another than the one that sealed it, or the row was changed */
export function openSigningKey({ id, algorithm, privateSealed }: StoredSigningKey, seal: Seal): SigningKey {
  const privateKey = openPrivateKey(id, privateSealed, seal)
  const publicKey = createPublicKey(privateKey)
  if (thumbprint(publicKey) !== id || privateKey.asymmetricKeyType !== keyTypeOf[algorithm]) {
    throw new Error(`Cannot use the signing key ${id}: its row was changed`)
  }
  return { id, algorithm, privateKey, publicJwk: { ...jwkOf(publicKey), kid: id, use: 'sig', alg: algorithm } }
}

const keyTypeOf = { ES256: 'ec', EdDSA: 'ed25519', RS256: 'rsa' } as const

function openPrivateKey(id: string, sealed: string, seal: Seal): KeyObject {
  try {
    return createPrivateKey(seal.open(sealed))
  } catch (cause) {
    throw new Error(`Cannot open the signing key ${id}: MASTER_KEY is not the one that sealed it`, { cause })
  }
}

function jwkOf(publicKey: KeyObject): PublicJwk {
  return { ...publicKey.export({ format: 'jwk' }) }
}

/** RFC 7638, section 3: SHA-256 over the required members in lexicographic order. */
function thumbprint(publicKey: KeyObject): string {
  const required = JSON.stringify(jwkOf(publicKey), ['crv', 'e', 'kty', 'n', 'x', 'y'])
  return createHash('sha256').update(required).digest('base64url')
}
