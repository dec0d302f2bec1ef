import { inflateSync } from 'node:zlib'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { type StatusListFacts, signStatusList } from './status-list-tokens.ts'

const secret = Buffer.from('a shared secret of 32 bytes, or more', 'utf8')
const issuedAt = Date.UTC(2026, 0, 1) / 1000
const facts: StatusListFacts = {
  issuer: 'https://auth.example.com',
  uri: 'https://auth.example.com/.well-known/status-lists/3',
  bits: new Uint8Array(8_192).fill(0b0000_0101, 17, 18),
  issuedAt,
  lifeSeconds: 3_600,
  ttlSeconds: 30,
}

/** What a client reads that trusts the key. */
async function read(token: string) {
  const { payload } = await jwtVerify<{ status_list: { bits: number; lst: string } }>(token, secret, {
    typ: 'statuslist+jwt',
    currentDate: new Date(issuedAt * 1000),
  })
  const { status_list: list, ...claims } = payload
  return { claims, list, compressed: Buffer.from(list.lst, 'base64url') }
}

test('signStatusList() writes exactly the claims of a Status List Token (draft, section 5.1)', async () => {
  const token = signStatusList(facts, { secret })

  const { claims, list } = await read(token)
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'statuslist+jwt' })
  expect(claims).toEqual({ iss: facts.issuer, sub: facts.uri, iat: issuedAt, exp: issuedAt + 3_600, ttl: 30 })
  expect(list).toEqual({ bits: 1, lst: expect.stringMatching(/^[A-Za-z0-9_-]+$/) })
})

test('signStatusList() compresses the bits as far as zlib can (draft, section 4.1)', async () => {
  const { compressed } = await read(signStatusList(facts, { secret }))

  expect(inflateSync(compressed)).toEqual(Buffer.from(facts.bits ?? []))
  // RFC 1950, section 2.2: the two highest bits of the second byte tell the level, 3 the slowest.
  expect((compressed[1] ?? 0) >> 6).toBe(3)
})

test('signStatusList() writes a whole list where no bit is set', async () => {
  const { compressed } = await read(signStatusList({ ...facts, bits: undefined }, { secret }))

  expect(inflateSync(compressed)).toEqual(Buffer.alloc(8_192))
})
