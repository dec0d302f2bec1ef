import { createPublicKey, sign, verify } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { expect, test } from 'vitest'
import type { StoredSigningKey } from '../domain/signing-key.ts'
import { sealUnder } from './seal.ts'
import { newSigningKey, openSigningKey } from './signing-keys.ts'

const seal = sealUnder(new Uint8Array(32).fill(7), 'signing keys')
const times = { now: 1_000, activatesAt: 2_000, tokenSeconds: 60 }
const publicOf = (stored: ReturnType<typeof newSigningKey>) => openSigningKey(stored, seal).publicJwk
const algorithms = ['ES256', 'EdDSA', 'RS256'] as const

test.each([
  ['ES256', ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'], { kty: 'EC', crv: 'P-256' }],
  ['EdDSA', ['alg', 'crv', 'kid', 'kty', 'use', 'x'], { kty: 'OKP', crv: 'Ed25519' }],
  ['RS256', ['alg', 'e', 'kid', 'kty', 'n', 'use'], { kty: 'RSA', e: 'AQAB' }],
] as const)('newSigningKey() for %s publishes its public half, and no member besides', (algorithm, members, facts) => {
  const key = newSigningKey(algorithm, { seal, ...times })

  expect(key).toMatchObject({ algorithm, createdAt: 1_000, activatesAt: 2_000 })
  expect(publicOf(key)).toMatchObject({ ...facts, kid: key.id, use: 'sig', alg: algorithm })
  expect(Object.keys(publicOf(key)).sort()).toEqual(members)
})

test.each([
  ['ES256', { namedCurve: 'prime256v1' }],
  ['EdDSA', {}],
  ['RS256', { modulusLength: 3072, publicExponent: 65_537n }],
] as const)(
  'newSigningKey() makes a key of 128 bits of strength for %s [ASVS 11.2.3, ASVS 11.6.1, RFC7515-10.1]',
  (algorithm, details) => {
    const key = newSigningKey(algorithm, { seal, ...times })

    const publicKey = createPublicKey({ key: { ...publicOf(key) }, format: 'jwk' })
    expect(publicKey.asymmetricKeyDetails).toEqual(details)
  },
)

test.each(algorithms)(
  'newSigningKey() names a key for %s by its thumbprint, as jose computes it',
  async (algorithm) => {
    const key = newSigningKey(algorithm, { seal, ...times })

    const thumbprint = await calculateJwkThumbprint({ ...publicOf(key) }, 'sha256')
    expect(key.id).toBe(thumbprint)
  },
)

test.each(algorithms)('newSigningKey() for %s stores the private half sealed', (algorithm) => {
  const key = newSigningKey(algorithm, { seal, ...times })

  const stored = JSON.stringify(key) + Buffer.from(key.privateSealed, 'base64url').toString('latin1')
  expect(stored).not.toContain('PRIVATE')
  expect(seal.open(key.privateSealed)).toContain('BEGIN PRIVATE KEY')
})

test('newSigningKey() never makes the same key again [RFC7515-10.1]', () => {
  const keys = Array.from({ length: 100 }, () => newSigningKey('ES256', { seal, ...times }))

  const ids = new Set(keys.map(({ id }) => id))
  expect(ids.size).toBe(100)
})

test.each([
  ['ES256', 'sha256'],
  ['EdDSA', null],
  ['RS256', 'sha256'],
] as const)('openSigningKey() opens the private half that belongs to the public one of %s', (algorithm, hash) => {
  const stored = newSigningKey(algorithm, { seal, ...times })

  const key = openSigningKey(stored, seal)

  const signature = sign(hash, Buffer.from('content'), key.privateKey)
  const publicKey = createPublicKey({ key: { ...publicOf(stored) }, format: 'jwk' })
  expect(key).toMatchObject({ id: stored.id, algorithm })
  expect(verify(hash, Buffer.from('content'), publicKey, signature)).toBe(true)
})

test('openSigningKey() names MASTER_KEY when another one sealed the key', () => {
  const stored = newSigningKey('ES256', { seal, ...times })
  const other = sealUnder(new Uint8Array(32).fill(8), 'signing keys')

  const opening = () => openSigningKey(stored, other)

  expect(opening).toThrow(`Cannot open the signing key ${stored.id}: MASTER_KEY is not the one that sealed it`)
})

test.each([
  ['the id of another key', (other: StoredSigningKey) => ({ id: other.id })],
  ['the sealed half of another key', (other: StoredSigningKey) => ({ privateSealed: other.privateSealed })],
  ['another algorithm', () => ({ algorithm: 'EdDSA' as const })],
])('openSigningKey() refuses a row that was given %s', (_what, change) => {
  const stored = {
    ...newSigningKey('ES256', { seal, ...times }),
    ...change(newSigningKey('ES256', { seal, ...times })),
  }

  const opening = () => openSigningKey(stored, seal)

  expect(opening).toThrow(`Cannot use the signing key ${stored.id}: its row was changed`)
})

test('openSigningKey() shows nothing of either key in what it throws', () => {
  const stored = newSigningKey('ES256', { seal, ...times })
  const other = sealUnder(new Uint8Array(32).fill(8), 'signing keys')

  const thrown = thrownBy(() => openSigningKey(stored, other))

  expect(thrown.cause).toBeInstanceOf(Error)
  const said = `${thrown.stack} ${(thrown.cause as Error).stack}`
  expect(said).toContain('MASTER_KEY')
  expect(said).not.toContain('PRIVATE KEY')
  expect(said).not.toContain(stored.privateSealed)
  expect(said).not.toContain(Buffer.alloc(32, 8).toString('base64').slice(0, 20))
})

test.each(['', 'x', 'A'.repeat(40)])('openSigningKey() refuses a sealed half that holds %j', (privateSealed) => {
  const stored = { ...newSigningKey('ES256', { seal, ...times }), privateSealed }

  const opening = () => openSigningKey(stored, seal)

  expect(opening).toThrow(`Cannot open the signing key ${stored.id}`)
})

function thrownBy(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('Nothing was thrown')
}
