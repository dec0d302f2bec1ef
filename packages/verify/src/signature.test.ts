import { expect, test } from 'vitest'
import { decodeBase64url } from './base64url.ts'
import { readKeySet, readSecret, type VerificationKey } from './keys.ts'
import { signatureMatches } from './signature.ts'
import { eddsaKey, es256Key, hs256Key, rs256Key, type TestKey } from './testing/tokens.ts'
import { readVectors } from './testing/vectors.ts'

interface RfcExample {
  id: string
  alg: string
  jwk: Record<string, string>
  compact: string
  expect: string
}

const all = readVectors<{ vectors: RfcExample[] }>('jose-rfc-examples.json').vectors
/** Two examples of RFC 7520 exist in JSON serialisation only, which a bearer token never has. */
const examples = all.filter(({ compact }) => compact)
const ours = ['ES256', 'EdDSA', 'RS256', 'HS256'] as const
const supported = examples.filter(({ alg }) => ours.some((name) => name === alg))
const unsupported = examples.filter(({ alg, jwk }) => jwk && !ours.some((name) => name === alg))

function keyFor({ alg, jwk }: RfcExample): VerificationKey | undefined {
  if (jwk['kty'] === 'oct') return readSecret(Buffer.from(String(jwk['k']), 'base64url')).find(alg, undefined)
  return readKeySet({ keys: [{ ...jwk, alg }] }, ours).find(alg, jwk['kid'])
}

function partsOf(compact: string): [Buffer, Buffer] {
  const end = compact.lastIndexOf('.')
  return [Buffer.from(compact.slice(0, end)), decodeBase64url(compact.slice(end + 1)) ?? Buffer.alloc(0)]
}

test('signatureMatches() has examples of every algorithm', () => {
  expect(new Set(supported.map(({ alg }) => alg))).toEqual(new Set(ours))
})

test.each(supported)('signatureMatches() takes the example $id, $alg [RFC7515-5.2.8]', (example) => {
  const [signed, signature] = partsOf(example.compact)

  expect(signatureMatches(keyFor(example) as VerificationKey, signed, signature)).toBe(true)
})

test.each(supported)('signatureMatches() refuses the example $id, $alg, with one bit changed', (example) => {
  const [signed, signature] = partsOf(example.compact)
  const key = keyFor(example) as VerificationKey
  const changed = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])])

  expect(signatureMatches(key, changed(signed), signature)).toBe(false)
  expect(signatureMatches(key, signed, changed(signature))).toBe(false)
})

test.each(unsupported)('readKeySet() has no key for the example $id, $alg', (example) => {
  expect(keyFor(example)).toBeUndefined()
})

const secret = 'a secret of at least 32 bytes, for tests'
const makers: [string, () => TestKey][] = [
  ['ES256', es256Key],
  ['EdDSA', eddsaKey],
  ['RS256', rs256Key],
  ['HS256', () => hs256Key(secret)],
]

function verifierOf(key: TestKey): VerificationKey {
  const ring = key.algorithm === 'HS256' ? readSecret(Buffer.from(secret)) : readKeySet({ keys: [key.jwk] }, ours)
  return ring.find(key.algorithm, key.keyId) as VerificationKey
}

test.each(makers)(
  'signatureMatches() refuses %s signatures of any other length [ASVS 11.2.5] [RFC8725-3.3]',
  (_, make) => {
    const key = make()
    const signed = Buffer.from('signed')
    const good = key.sign(signed)
    const odd = [Buffer.alloc(0), good.subarray(1), good.subarray(0, -1), Buffer.concat([good, Buffer.alloc(1)])]

    expect(signatureMatches(verifierOf(key), signed, good)).toBe(true)
    expect(odd.map((signature) => signatureMatches(verifierOf(key), signed, signature))).toEqual(odd.map(() => false))
  },
)

test('signatureMatches() answers false when the cryptography throws [ASVS 11.2.5] [RFC8725-3.3]', () => {
  const { key } = verifierOf(es256Key())

  expect(signatureMatches({ algorithm: 'HS256', key }, Buffer.from('x'), Buffer.alloc(32))).toBe(false)
  expect(signatureMatches({ algorithm: 'EdDSA', key }, Buffer.from('x'), Buffer.alloc(64))).toBe(false)
  expect(signatureMatches({ algorithm: 'RS256', key }, Buffer.from('x'), Buffer.alloc(64))).toBe(false)
})
