import { expect, test } from 'vitest'
import { decodeBase64url } from './base64url.ts'
import { type JsonWebKey, readKeySet, readSecret, type VerificationKey } from './keys.ts'
import { signatureMatches } from './signature.ts'
import { parseStrictJson } from './strict-json.ts'
import { readVectors } from './testing/vectors.ts'

const ours = ['ES256', 'EdDSA', 'RS256', 'HS256'] as const

interface Case {
  tcId: number
  result: 'valid' | 'invalid' | 'acceptable'
  msg: string
  sig: string
  key: string
  tag: string
  jws: unknown
}

interface Group {
  type: string
  publicKey?: { wx?: string; wy?: string }
  publicKeyJwk?: JsonWebKey
  keyJwk?: JsonWebKey
  public?: JsonWebKey
  private?: JsonWebKey
  tagSize?: number
  tests: Case[]
}

interface Placed {
  group: Group
  each: Case
}

function casesOf(file: string): Placed[] {
  const { testGroups } = readVectors<{ testGroups: Group[] }>(`wycheproof/${file}_test.json`)
  return testGroups.flatMap((group) => group.tests.map((each) => ({ group, each })))
}

/** The cases on which we and the file differ, in either direction. */
function differences(cases: Placed[], accepts: (placed: Placed) => boolean): number[] {
  return cases.filter((placed) => accepts(placed) !== (placed.each.result === 'valid')).map(({ each }) => each.tcId)
}

const bytes = (hex: string) => Buffer.from(hex, 'hex')

function publicKeyOf({ publicKey, publicKeyJwk, keyJwk }: Group): VerificationKey | undefined {
  const { kid: _, ...jwk } = publicKeyJwk ?? keyJwk ?? p256KeyOf(publicKey)
  const ring = readKeySet({ keys: [jwk] }, ours)
  return ours.map((name) => ring.find(name, undefined)).find((key) => key !== undefined)
}

/** A few groups have their point in hexadecimal only, some with a leading zero byte. */
function p256KeyOf({ wx = '', wy = '' } = {}): JsonWebKey {
  const spelled = (hex: string) => bytes(hex.slice(-64)).toString('base64url')
  return { kty: 'EC', crv: 'P-256', x: spelled(wx), y: spelled(wy) }
}

function acceptsSignature({ group, each: { msg, sig } }: Placed): boolean {
  const key = publicKeyOf(group)
  return key !== undefined && signatureMatches(key, bytes(msg), bytes(sig))
}

test.each(['ecdsa_secp256r1_sha256_p1363', 'ed25519', 'rsa_signature_2048_sha256', 'rsa_signature_3072_sha256'])(
  'signatureMatches() agrees with every verdict of Wycheproof on %s [ASVS 9.1.1] [RFC8725-3.3]',
  (file) => {
    expect(differences(casesOf(file), acceptsSignature)).toEqual([])
  },
)

test('signatureMatches() agrees with every verdict of Wycheproof on HMAC-SHA-256, short tags refused', () => {
  const accepts = ({ group: { tagSize }, each: { key, msg, tag, result } }: Placed) => {
    const found = readSecret(bytes(key)).find('HS256', undefined) as VerificationKey
    const matches = signatureMatches(found, bytes(msg), bytes(tag))
    return tagSize === 256 ? matches : !matches && result === 'valid'
  }

  expect(differences(casesOf('hmac_sha256'), accepts)).toEqual([])
})

/** A signature alone, since the payloads of these files are no claims: form, key choice and signature. */
function acceptsJws({ group: { public: publicKey, private: privateKey }, each: { jws } }: Placed): boolean {
  if (typeof jws !== 'string') return false
  const parts = jws.split('.')
  const [header, payload, signature] = parts.map(decodeBase64url)
  if (parts.length !== 3 || !header || !payload || !signature) return false

  const { alg, kid } = headerOf(header)
  const key = findKey(publicKey ?? privateKey ?? {}, alg, kid)
  return key !== undefined && signatureMatches(key, Buffer.from(jws.slice(0, jws.lastIndexOf('.'))), signature)
}

function headerOf(part: Buffer): { alg: string; kid?: string } {
  try {
    return parseStrictJson(part) as { alg: string; kid?: string }
  } catch {
    return { alg: 'unreadable' }
  }
}

function findKey(jwk: JsonWebKey, alg: string, kid: string | undefined): VerificationKey | undefined {
  if (jwk['kty'] === 'oct' && jwk['alg'] === 'HS256') {
    return readSecret(Buffer.from(String(jwk['k']), 'base64url')).find(alg, kid)
  }
  return readKeySet(Array.isArray(jwk['keys']) ? jwk : { keys: [jwk] }, ours).find(alg, kid)
}

const jwsFiles = ['json_web_signature', 'json_web_key', 'json_web_crypto']

test.each(jwsFiles)(
  'readKeySet() and signatureMatches() accept nothing that Wycheproof calls invalid in %s [RFC8725-3.1b] [RFC7515-10.7]',
  (file) => {
    const invalid = casesOf(file).filter(({ each }) => each.result === 'invalid')

    // Cases 367 and 370 of the file are letter for letter the valid token of case 357.
    const misprints = file === 'json_web_signature' ? [367, 370] : []
    expect(differences(invalid, acceptsJws)).toEqual(misprints)
  },
)

/** One key by itself, for an algorithm that exists here, and no encryption. */
function isOurs({ group, each }: Placed): boolean {
  const { alg } = group.public ?? group.private ?? {}
  return ours.some((name) => name === alg) && typeof each.jws === 'string'
}

test('readKeySet() and signatureMatches() accept what Wycheproof calls valid but for foreign characters [RFC7515-5.2.2]', () => {
  const valid = jwsFiles.flatMap(casesOf).filter((placed) => placed.each.result === 'valid' && isOurs(placed))

  expect(valid.length).toBeGreaterThan(20)
  // InvalidCharacterInsertedInHeader and InPayload: a lenient decoder skips what is no base64url.
  expect(differences(valid, acceptsJws)).toEqual([372, 373])
})

test('readKeySet() and signatureMatches() accept nothing by an algorithm that does not exist here', () => {
  const foreign = jwsFiles.flatMap(casesOf).filter((placed) => !isOurs(placed))
  const isSymmetricSet = ({ group }: Placed) => group.private?.['keys'] !== undefined && group.public === undefined

  expect(
    foreign
      .filter(acceptsJws)
      .filter((placed) => !isSymmetricSet(placed))
      .map(({ each }) => each.tcId),
  ).toEqual([5])
})
