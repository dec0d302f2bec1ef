import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { Algorithm, JsonWebKey } from '../keys.ts'

export const issuer = 'https://auth.example.com'
export const audience = 'https://api.example.com'
export const ada = '3f0c1c1e-7a53-4a51-9d64-0d6f9b1f2a11'
export const bob = '8a1d0c52-1b0e-4c57-9a70-5f2f6d2c9b02'

/** 2026-01-01, in Unix seconds. */
export const startOfTime = 1_767_225_600

/** A key with which tests sign, and the public half that a verifier gets. */
export interface TestKey {
  algorithm: Algorithm
  keyId: string
  sign(signed: Buffer): Buffer
  jwk: JsonWebKey
}

export function es256Key(keyId = 'ec-1'): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return { algorithm: 'ES256', keyId, sign: (signed) => sign('sha256', signed, key), jwk: jwkOf(publicKey, keyId) }
}

export function eddsaKey(keyId = 'ed-1'): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { algorithm: 'EdDSA', keyId, sign: (signed) => sign(null, signed, privateKey), jwk: jwkOf(publicKey, keyId) }
}

export function rs256Key(keyId = 'rsa-1', bits = 2_048): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const signWith = (signed: Buffer) => sign('sha256', signed, privateKey)
  return { algorithm: 'RS256', keyId, sign: signWith, jwk: jwkOf(publicKey, keyId) }
}

export function hs256Key(secret: string): TestKey {
  const signWith = (signed: Buffer) => createHmac('sha256', secret).update(signed).digest()
  return { algorithm: 'HS256', keyId: 'none', sign: signWith, jwk: {} }
}

/** Claims of a fresh token of Ada's, as the server issues them; `changes` to undefined take one away. */
export function claimsOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    user_id: ada,
    email: 'ada@example.com',
    sub: ada,
    iss: issuer,
    iat: startOfTime - 60,
    exp: startOfTime + 3_600,
    jti: randomUUID(),
    sid: '5b1f6f0e-8f0a-4d3c-9a55-0c7d2c1e4f03',
    status: statusAt(77, String(changes['iss'] ?? issuer)),
    ...changes,
  }
}

/** What a token says of its bit: here in the list 0. */
function statusAt(idx: number, iss = issuer) {
  return { status_list: { idx, uri: `${iss}/.well-known/status-lists/0` } }
}

interface Parts {
  claims?: Record<string, unknown> | string
  /** Changes to the header; undefined takes a member away. A string replaces it. */
  header?: Record<string, unknown> | string
}

/** Signs a token that is good unless `parts` spoil it. */
export function tokenOf(key: TestKey, { claims = claimsOf(), header = {} }: Parts = {}): string {
  const plain = { alg: key.algorithm, typ: 'at+jwt', kid: key.keyId }
  const signed = `${encode(typeof header === 'string' ? header : { ...plain, ...header })}.${encode(claims)}`
  return `${signed}.${key.sign(Buffer.from(signed)).toString('base64url')}`
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

function jwkOf(key: KeyObject, kid: string): JsonWebKey {
  return { ...key.export({ format: 'jwk' }), kid, use: 'sig' }
}
