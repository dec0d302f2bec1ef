import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { decodeBase64url } from './base64url.ts'
import { isEd25519Point } from './ed25519-point.ts'
import { isRocaModulus } from './roca.ts'

/** The signature algorithms that exist here; which of them count is the caller's list (RFC 8725 3.1, 3.2). */
export const algorithms = ['ES256', 'EdDSA', 'RS256', 'HS256'] as const

export type Algorithm = (typeof algorithms)[number]

/** A key and the one algorithm it is for: a token cannot ask for another. */
export interface VerificationKey {
  readonly algorithm: Algorithm
  readonly key: KeyObject
}

/** One JWK (RFC 7517 4), as JSON gives it: every member is checked before use. */
export interface JsonWebKey {
  readonly [member: string]: unknown
}

/** A JWK set (RFC 7517 5). */
export interface KeySet {
  readonly keys: readonly JsonWebKey[]
}

export interface KeyRing {
  /** How many keys can be used. */
  readonly size: number
  /**
   * The key for a token with this header, if it is bound to the token's algorithm.
   * A token without a key id gets one only when exactly one key is bound to its algorithm.
   */
  find(algorithm: string, keyId: string | undefined): VerificationKey | undefined
}

/** Many times what a rotation needs; each key costs a check of its point or modulus when the set is read. */
const maxKeys = 100

const minRsaBits = 2_048

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Makes a ring of the usable keys of a JWK set.
 *
 * Skipped, while the others stay (RFC 7517 5): keys of an unknown type or curve, malformed ones, points that are not
 * on their curve, RSA moduli under 2,048 bits or of the ROCA family, RSA exponents that are even or below 3, keys for
 * another `use`, `key_ops` or algorithm, symmetric keys, keys published with their private half, and keys whose id
 * comes twice. Of a set with more than 100 keys only the first 100 are read.
 *
 * @param set anything: what is no JWK set gives an empty ring
 */
export function readKeySet(set: unknown, allowed: readonly Algorithm[]): KeyRing {
  const entries = keysOf(set)
    .map((jwk) => ({ keyId: jwk['kid'], key: readPublicKey(jwk) }))
    .filter((entry): entry is KeyEntry => entry.key !== undefined && allowed.includes(entry.key.algorithm))
  return makeRing(entries)
}

/**
 * Makes a ring of one HS256 key. Its tokens may carry any key id: there is nothing to choose from.
 *
 * @param secret at least 32 bytes, which the caller checks (RFC 7518 3.2)
 */
export function readSecret(secret: Uint8Array): KeyRing {
  const key: VerificationKey = { algorithm: 'HS256', key: createSecretKey(secret) }
  return { size: 1, find: (algorithm) => (algorithm === 'HS256' ? key : undefined) }
}

interface KeyEntry {
  keyId: unknown
  key: VerificationKey
}

function makeRing(entries: KeyEntry[]): KeyRing {
  // A name that two keys bear names neither of them.
  const isAmbiguous = ({ keyId }: KeyEntry) =>
    keyId !== undefined && entries.filter((other) => other.keyId === keyId).length > 1
  const clear = entries.filter((entry) => !isAmbiguous(entry))
  const byId = new Map(clear.map(({ keyId, key }) => [keyId, key]))

  const findSole = (algorithm: string) => {
    const [sole, ...others] = clear.filter(({ key }) => key.algorithm === algorithm)
    return others.length === 0 ? sole?.key : undefined
  }
  const findNamed = (algorithm: string, keyId: string) => {
    const key = byId.get(keyId)
    return key?.algorithm === algorithm ? key : undefined
  }
  return {
    size: clear.length,
    find: (algorithm, keyId) => (keyId === undefined ? findSole(algorithm) : findNamed(algorithm, keyId)),
  }
}

function keysOf(set: unknown): JsonWebKey[] {
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined
  if (!Array.isArray(keys)) return []
  // Of anything but an object no key can be read, and of null not even that it is none.
  return keys.slice(0, maxKeys).filter(Boolean)
}

/** @returns undefined for a key that cannot verify signatures of ours */
function readPublicKey(jwk: JsonWebKey): VerificationKey | undefined {
  if (!isForVerifying(jwk)) return undefined
  if (jwk['kty'] === 'EC') return readEcKey(jwk)
  if (jwk['kty'] === 'OKP') return readEd25519Key(jwk)
  if (jwk['kty'] === 'RSA') return readRsaKey(jwk)
  return undefined
}

function isForVerifying(jwk: JsonWebKey): boolean {
  const { use, key_ops } = jwk
  const isForSignatures = use === undefined || use === 'sig'
  const mayVerify = key_ops === undefined || (Array.isArray(key_ops) && key_ops.includes('verify'))
  return isForSignatures && mayVerify && privateMembers.every((name) => !Object.hasOwn(jwk, name))
}

function readEcKey({ alg = 'ES256', crv, x, y }: JsonWebKey): VerificationKey | undefined {
  if (alg !== 'ES256' || crv !== 'P-256' || !bytesOf(x, 32) || !bytesOf(y, 32)) return undefined
  return bind('ES256', { kty: 'EC', crv, x, y })
}

function readEd25519Key({ alg = 'EdDSA', crv, x }: JsonWebKey): VerificationKey | undefined {
  const point = bytesOf(x, 32)
  // OpenSSL takes any 32 bytes and notices only at the first signature, if then.
  if (alg !== 'EdDSA' || crv !== 'Ed25519' || !point || !isEd25519Point(point)) return undefined
  return bind('EdDSA', { kty: 'OKP', crv, x })
}

function readRsaKey({ alg = 'RS256', n, e }: JsonWebKey): VerificationKey | undefined {
  const modulus = integerOf(n)
  const exponent = integerOf(e)
  if (alg !== 'RS256' || modulus === undefined || exponent === undefined) return undefined
  if (modulus % 2n === 0n || modulus >> BigInt(minRsaBits - 1) === 0n || isRocaModulus(modulus)) return undefined
  if (exponent % 2n === 0n || exponent < 3n) return undefined
  return bind('RS256', { kty: 'RSA', n, e })
}

/** @returns undefined where OpenSSL refuses the key, as it does an EC point that is not on its curve */
function bind(algorithm: Algorithm, jwk: Record<string, unknown>): VerificationKey | undefined {
  try {
    return { algorithm, key: createPublicKey({ key: jwk, format: 'jwk' }) }
  } catch {
    return undefined
  }
}

function bytesOf(text: unknown, length: number): Buffer | undefined {
  const bytes = typeof text === 'string' ? decodeBase64url(text) : undefined
  return bytes?.length === length ? bytes : undefined
}

function integerOf(text: unknown): bigint | undefined {
  const bytes = typeof text === 'string' ? decodeBase64url(text) : undefined
  return bytes && bytes.length > 0 ? BigInt(`0x${bytes.toString('hex')}`) : undefined
}
