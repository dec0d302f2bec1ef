import { createPublicKey } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { SessionId } from '../domain/session.ts'
import type { UserId } from '../domain/user.ts'
import { type AccessTokenFacts, signAccessToken, type TokenSigner } from './access-tokens.ts'
import { sealUnder } from './seal.ts'
import { newSigningKey, openSigningKey } from './signing-keys.ts'

const issuedAt = Date.UTC(2026, 0, 1) / 1000
const facts: AccessTokenFacts = {
  issuer: 'https://auth.example.com',
  audience: undefined,
  userId: '0198a0d2-6c00-7000-8000-000000000001' as UserId,
  email: 'zoë+"quoted"\u2028@example.com',
  sessionId: '0198a0d2-6c00-7000-8000-000000000002' as SessionId,
  tokenId: '0198a0d2-6c00-4000-8000-000000000003',
  status: { uri: 'https://auth.example.com/.well-known/status-lists/3', index: 40_000 },
  issuedAt,
  expiresAt: issuedAt + 86_400,
}
const secret = Buffer.from('a shared secret of 32 bytes, or more', 'utf8')
const seal = sealUnder(new Uint8Array(32).fill(7), 'signing keys')
const [es256, eddsa, rs256] = (['ES256', 'EdDSA', 'RS256'] as const).map((algorithm) => {
  const stored = newSigningKey(algorithm, { seal, now: 0, activatesAt: 0, tokenSeconds: 60 })
  const key = openSigningKey(stored, seal)
  const publicKey = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' })
  return { algorithm, kid: stored.id, signer: { key }, publicKey }
})
const signers = [
  { algorithm: 'HS256', signer: { secret }, key: secret, header: { alg: 'HS256', typ: 'at+jwt' } },
  ...[es256, eddsa, rs256].flatMap((pair) => (pair ? [pairRow(pair)] : [])),
]

describe.each(signers)('with $algorithm', ({ algorithm, signer, key, header }) => {
  test('signAccessToken() signs what jose verifies [RFC9068-2.1a]', async () => {
    const token = signAccessToken(facts, signer)

    const verified = jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer: facts.issuer,
      typ: 'at+jwt',
      currentDate: new Date(issuedAt * 1000),
    })
    await expect(verified).resolves.toMatchObject({ payload: { sub: facts.userId } })
  })

  test('signAccessToken() writes the algorithm, the type and the key that there is, and no other header [RFC9068-2.1b, RFC7515-4.1.9]', () => {
    const token = signAccessToken(facts, signer)

    expect(decodeProtectedHeader(token)).toEqual(header)
  })

  test('signAccessToken() writes exactly the claims of the contract', async () => {
    const token = signAccessToken(facts, signer)

    const { payload } = await compactVerify(token, key)
    expect(JSON.parse(Buffer.from(payload).toString('utf8'))).toEqual({
      iss: 'https://auth.example.com',
      sub: facts.userId,
      user_id: facts.userId,
      email: facts.email,
      sid: facts.sessionId,
      jti: facts.tokenId,
      iat: issuedAt,
      exp: issuedAt + 86_400,
      status: { status_list: { idx: 40_000, uri: 'https://auth.example.com/.well-known/status-lists/3' } },
    })
  })

  test('signAccessToken() writes three parts of base64url without padding [RFC7515-7.1]', () => {
    const token = signAccessToken(facts, signer)

    expect(token).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/)
  })

  test('signAccessToken() makes a token that jose refuses when any part of it is cut', async () => {
    const token = signAccessToken(facts, signer)
    const [head = '', body = '', signature = ''] = token.split('.')

    const cut = [`${head}.${body}.`, `${head}.${body.slice(4)}.${signature}`, `${head.slice(4)}.${body}.${signature}`]

    const verdicts = await Promise.allSettled(cut.map((each) => compactVerify(each, key)))
    expect(verdicts.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  })
})

test('signAccessToken() names the audience where one is configured, and then a client [RFC9068-2.2]', async () => {
  const token = signAccessToken({ ...facts, audience: 'https://api.example.com' }, { secret })

  const { payload } = await jwtVerify(token, secret, { currentDate: new Date(issuedAt * 1000) })
  expect(payload).toMatchObject({ aud: 'https://api.example.com', client_id: 'latchkey' })
})

test('signAccessToken() writes neither aud nor client_id where no audience is configured', async () => {
  const token = signAccessToken(facts, { secret })

  const { payload } = await jwtVerify(token, secret, { currentDate: new Date(issuedAt * 1000) })
  expect(Object.keys(payload)).not.toContain('aud')
  expect(Object.keys(payload)).not.toContain('client_id')
})

test('signAccessToken() signs ES256 with both halves of the signature in full (RFC 7518, section 3.4)', () => {
  const tokens = Array.from({ length: 600 }, () => signAccessToken(facts, signerOf(es256)))

  const lengths = tokens.map((token) => Buffer.from(token.split('.')[2] ?? '', 'base64url').length)
  expect(new Set(lengths)).toEqual(new Set([64]))
})

test('signAccessToken() never reuses a nonce of ECDSA in 100,000 signatures [RFC8725-3.2c]', () => {
  const tokens = Array.from({ length: 100_000 }, () => signAccessToken(facts, signerOf(es256)))

  const firstHalves = tokens.map((token) => token.slice(-86, -86 + 42))
  expect(new Set(firstHalves).size).toBe(100_000)
}, 60_000)

function pairRow({ algorithm, kid, signer, publicKey }: NonNullable<typeof es256>) {
  return { algorithm, signer, key: publicKey, header: { alg: algorithm, kid, typ: 'at+jwt' } }
}

function signerOf(pair: typeof es256): TokenSigner {
  return pair?.signer ?? { secret }
}
