import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { SigningAlgorithm, StoredSigningKey } from '../domain/signing-key.ts'
import type { Seal } from './seal.ts'

/** A private key, ready to sign. */
export type SigningKey = { id: string; algorithm: SigningAlgorithm; privateKey: KeyObject }

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
  { seal, now, activatesAt }: { seal: Seal; now: number; activatesAt: number },
): StoredSigningKey {
  const { publicKey, privateKey } = generate(algorithm)
  const jwk: Readonly<Record<string, unknown>> = { ...publicKey.export({ format: 'jwk' }) }
  const id = thumbprint(jwk)
  return {
    id,
    algorithm,
    publicJwk: { ...jwk, kid: id, use: 'sig', alg: algorithm },
    privateSealed: seal.close(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
    createdAt: now,
    activatesAt,
  }
}

/** @throws {Error} where the master key is another than the one that sealed it */
export function openSigningKey(stored: StoredSigningKey, seal: Seal): SigningKey {
  try {
    return { id: stored.id, algorithm: stored.algorithm, privateKey: createPrivateKey(seal.open(stored.privateSealed)) }
  } catch (cause) {
    throw new Error(`Cannot open the signing key ${stored.id}: MASTER_KEY is not the one that sealed it`, { cause })
  }
}

/** RFC 7638, section 3: SHA-256 over the required members in lexicographic order. */
function thumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const required = JSON.stringify(jwk, ['crv', 'e', 'kty', 'n', 'x', 'y'])
  return createHash('sha256').update(required).digest('base64url')
}
