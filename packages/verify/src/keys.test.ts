import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type JsonWebKey, readKeySet, readSecret } from './keys.ts'
import { eddsaKey, es256Key, rs256Key } from './testing/tokens.ts'

const publicKey = ['ES256', 'EdDSA', 'RS256'] as const
const ec = es256Key()
const ed = eddsaKey()
const rsa = rs256Key()

const ring = (...keys: unknown[]) => readKeySet({ keys }, publicKey)

function spelled(number: bigint): string {
  const hex = number.toString(16)
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex').toString('base64url')
}

test('readKeySet() finds a key by its id and the algorithm it is bound to', () => {
  const keys = ring(ec.jwk, ed.jwk, rsa.jwk)

  expect(keys.size).toBe(3)
  expect(keys.find('ES256', 'ec-1')?.algorithm).toBe('ES256')
  expect(keys.find('EdDSA', 'ed-1')?.key.asymmetricKeyType).toBe('ed25519')
  expect(keys.find('RS256', 'rsa-1')?.key.asymmetricKeyType).toBe('rsa')
})

test('readKeySet() finds no key for another algorithm than the bound one [RFC8725-3.1b] [RFC7515-10.7]', () => {
  const keys = ring(ec.jwk, ed.jwk, rsa.jwk)

  expect(keys.find('EdDSA', 'ec-1')).toBeUndefined()
  expect(keys.find('ES256', 'rsa-1')).toBeUndefined()
  expect(keys.find('PS256', 'rsa-1')).toBeUndefined()
  expect(keys.find('HS256', 'ec-1')).toBeUndefined()
})

test.each(['__proto__', 'constructor', 'toString', 'EC-1', 'ec-1 ', ''])(
  'readKeySet() finds nothing under the foreign id "%s"',
  (keyId) => {
    expect(ring(ec.jwk).find('ES256', keyId)).toBeUndefined()
  },
)

test('readKeySet() finds the sole key of an algorithm for a token without an id, and none among several', () => {
  const other = es256Key('ec-2')

  expect(ring(ec.jwk, ed.jwk).find('ES256', undefined)?.algorithm).toBe('ES256')
  expect(ring(ec.jwk, other.jwk).find('ES256', undefined)).toBeUndefined()
  expect(ring(ed.jwk).find('ES256', undefined)).toBeUndefined()
})

test('readKeySet() gives a key without an id only to tokens without one', () => {
  const keys = ring({ ...ec.jwk, kid: undefined })

  expect(keys.find('ES256', undefined)?.algorithm).toBe('ES256')
  expect(keys.find('ES256', 'ec-1')).toBeUndefined()
})

test('readKeySet() finds keys without an id by their algorithms', () => {
  const keys = ring({ ...ec.jwk, kid: undefined }, { ...ed.jwk, kid: undefined })

  expect(keys.find('ES256', undefined)?.algorithm).toBe('ES256')
  expect(keys.find('EdDSA', undefined)?.algorithm).toBe('EdDSA')
})

test('readKeySet() finds neither of two keys with one id', () => {
  const keys = ring(ec.jwk, es256Key('ec-1').jwk, ed.jwk)

  expect(keys.find('ES256', 'ec-1')).toBeUndefined()
  expect(keys.find('ES256', undefined)).toBeUndefined()
  expect(keys.size).toBe(1)
})

test('readKeySet() leaves out algorithms that are not allowed [RFC8725-3.1a]', () => {
  const keys = readKeySet({ keys: [ec.jwk, ed.jwk] }, ['EdDSA'])

  expect(keys.size).toBe(1)
  expect(keys.find('ES256', 'ec-1')).toBeUndefined()
})

const offCurve = { ...ec.jwk, y: ec.jwk['x'] }
const shortened = (name: string) => ({ ...ec.jwk, [name]: String(ec.jwk[name]).slice(0, -2) })
const lengthened = (name: string) => {
  const bytes = Buffer.from(String(ec.jwk[name]), 'base64url')
  return { ...ec.jwk, [name]: Buffer.concat([Buffer.alloc(1), bytes]).toString('base64url') }
}
const { publicKey: koblitz } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const modulus = BigInt(`0x${Buffer.from(String(rsa.jwk['n']), 'base64url').toString('hex')}`)

const unusable: [string, unknown][] = [
  ['an unknown kty', { ...ec.jwk, kty: 'XYZ' }],
  ['an unknown kty, else of RSA', { ...rsa.jwk, kty: 'XYZ' }],
  ['no kty', { ...ec.jwk, kty: undefined }],
  ['a kty of another type', { ...ec.jwk, kty: ['EC'] }],
  ['a point that is not on the curve', offCurve],
  ['a missing coordinate', { ...ec.jwk, y: undefined }],
  ['a short x', shortened('x')],
  ['a short y', shortened('y')],
  ['a zero before x', lengthened('x')],
  ['a zero before y', lengthened('y')],
  ['a padded x', { ...ec.jwk, x: `${ec.jwk['x']}=` }],
  ['the curve secp256k1', koblitz.export({ format: 'jwk' })],
  ['the curve P-384', { ...ec.jwk, crv: 'P-384', x: spelled(1n), y: spelled(2n) }],
  ['the curve X25519', { ...ed.jwk, crv: 'X25519' }],
  ['an Ed25519 point of 31 bytes', { ...ed.jwk, x: Buffer.alloc(31, 1).toString('base64url') }],
  ['an Ed25519 point of small order', { ...ed.jwk, x: Buffer.alloc(32).toString('base64url') }],
  ['use enc', { ...ec.jwk, use: 'enc' }],
  ['use null', { ...ec.jwk, use: null }],
  ['key_ops without verify', { ...ec.jwk, key_ops: ['sign'] }],
  ['key_ops that is no list', { ...ec.jwk, key_ops: 'verify' }],
  ['alg ES384 on P-256', { ...ec.jwk, alg: 'ES384' }],
  ['alg HS256 on an EC key', { ...ec.jwk, alg: 'HS256' }],
  ['alg ES256 on an Ed25519 key', { ...ed.jwk, alg: 'ES256' }],
  ['alg PS256', { ...rsa.jwk, alg: 'PS256' }],
  ['alg RSA-OAEP', { ...rsa.jwk, alg: 'RSA-OAEP' }],
  ['a modulus of 2,047 bits', { ...rsa.jwk, n: spelled((1n << 2047n) - 1n) }],
  ['an even modulus', { ...rsa.jwk, n: spelled(modulus - 1n) }],
  ['exponent 1', { ...rsa.jwk, e: spelled(1n) }],
  ['an even exponent', { ...rsa.jwk, e: spelled(65_536n) }],
  ['no exponent', { ...rsa.jwk, e: undefined }],
  ['an empty modulus', { ...rsa.jwk, n: '' }],
  ['a numeric modulus', { ...rsa.jwk, n: 12 }],
  ['a symmetric key', { kty: 'oct', alg: 'HS256', k: 'A'.repeat(43), kid: 'ec-1' }],
  ['the private half of an EC key', { ...ec.jwk, d: ec.jwk['x'] }],
  ['a symmetric member on an EC key', { ...ec.jwk, k: 'AAAA' }],
  ['nothing in it', {}],
]

test.each(unusable)('readKeySet() skips a key with %s and keeps the others [RFC7517-5b] [RFC8725-3.4]', (_, jwk) => {
  const keys = ring(jwk, es256Key('good').jwk)

  expect(keys.size).toBe(1)
  expect(keys.find('ES256', 'good')?.algorithm).toBe('ES256')
})

test.each([null, 1, 'key', []])('readKeySet() skips %j in place of a key [RFC7517-5b]', (jwk) => {
  expect(ring(jwk, ec.jwk).size).toBe(1)
})

test.each([undefined, null, 1, 'x', [], {}, { keys: null }, { keys: {} }])('readKeySet() makes no key of %j', (set) => {
  expect(readKeySet(set, publicKey).size).toBe(0)
})

test('readKeySet() takes alg, use and key_ops that say what the key is for [RFC7517-4.4]', () => {
  const full: JsonWebKey[] = [
    { ...ec.jwk, alg: 'ES256', key_ops: ['verify'] },
    { ...ed.jwk, alg: 'EdDSA' },
    { ...rsa.jwk, alg: 'RS256', use: undefined, 'x5t#S256': 'x' },
  ]

  expect(ring(...full).size).toBe(3)
})

test('readKeySet() reads the first hundred keys of a set and no more', () => {
  const keys = ring(...Array.from({ length: 150 }, (_, at) => ({ ...ec.jwk, kid: `k${at}` })))

  expect(keys.size).toBe(100)
  expect(keys.find('ES256', 'k99')).toBeDefined()
  expect(keys.find('ES256', 'k100')).toBeUndefined()
})

describe('readSecret()', () => {
  const secret = readSecret(Buffer.alloc(32, 7))

  test('gives its key to HS256, whatever the id', () => {
    expect(secret.find('HS256', undefined)?.key.type).toBe('secret')
    expect(secret.find('HS256', 'any')).toBe(secret.find('HS256', undefined))
  })

  test.each(['ES256', 'none', 'HS384', 'hs256'])('gives no key to %s', (algorithm) => {
    expect(secret.find(algorithm, undefined)).toBeUndefined()
  })
})
