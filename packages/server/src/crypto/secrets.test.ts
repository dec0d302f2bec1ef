import { expect, test } from 'vitest'
import {
  digestOf,
  isApiCredentialShaped,
  isRefreshTokenShaped,
  newApiCredential,
  newId,
  newRefreshToken,
} from './secrets.ts'

test('newRefreshToken() writes 256 bits behind a prefix that secret scanners know', () => {
  const token = newRefreshToken()

  expect(token).toMatch(/^lkr_[A-Za-z0-9_-]{43}$/)
  expect(Buffer.from(token.slice(4), 'base64url')).toHaveLength(32)
})

test('newRefreshToken() never repeats itself in a million [ASVS 7.2.3]', () => {
  const tokens = new Set(Array.from({ length: 1_000_000 }, newRefreshToken))

  expect(tokens.size).toBe(1_000_000)
})

test('newRefreshToken() draws every one of its 256 bits: each is set in about half of 4,000 tokens [ASVS 7.2.3]', () => {
  const tokens = Array.from({ length: 4_000 }, () => Buffer.from(newRefreshToken().slice(4), 'base64url'))

  const counts = Array.from(
    { length: 256 },
    (_, bit) => tokens.filter((bytes) => (bytes.readUInt8(bit >> 3) >> (bit & 7)) & 1).length,
  )
  // Eight standard deviations, 32 each, from the middle: chance alone goes there once in 10^12 runs.
  expect(Math.min(...counts)).toBeGreaterThan(2_000 - 256)
  expect(Math.max(...counts)).toBeLessThan(2_000 + 256)
})

test('isRefreshTokenShaped() is true of every new token', () => {
  const tokens = Array.from({ length: 1_000 }, newRefreshToken)

  const shaped = tokens.filter(isRefreshTokenShaped)

  expect(shaped).toHaveLength(1_000)
})

test.each([
  '',
  'lkr_',
  `lkr_${'a'.repeat(42)}`,
  `lkr_${'a'.repeat(44)}`,
  `lkr_${'a'.repeat(42)}=`,
  `lkr_${'a'.repeat(42)}+`,
  `LKR_${'a'.repeat(43)}`,
  `lkr-${'a'.repeat(43)}`,
  ` lkr_${'a'.repeat(43)}`,
  `lkr_${'a'.repeat(43)}\n`,
  `lkr_${'a'.repeat(42)}\u0000`,
  'a'.repeat(47),
])('isRefreshTokenShaped() is false of %j', (text) => {
  const shaped = isRefreshTokenShaped(text)

  expect(shaped).toBe(false)
})

test('newApiCredential() writes 256 bits behind a prefix of its own, and never the same', () => {
  const credentials = Array.from({ length: 1_000 }, newApiCredential)

  expect(new Set(credentials).size).toBe(1_000)
  expect(credentials.filter(isApiCredentialShaped)).toHaveLength(1_000)
  expect(credentials.filter(isRefreshTokenShaped)).toEqual([])
  expect(new Set(credentials.map((text) => Buffer.from(text.slice(4), 'base64url').length))).toEqual(new Set([32]))
})

test.each([
  '',
  'lka_',
  `lka_${'a'.repeat(42)}`,
  `lka_${'a'.repeat(44)}`,
  `lka_${'a'.repeat(42)}=`,
  `LKA_${'a'.repeat(43)}`,
  `lkr_${'a'.repeat(43)}`,
  ` lka_${'a'.repeat(43)}`,
  `lka_${'a'.repeat(43)}\n`,
])('isApiCredentialShaped() is false of %j', (text) => {
  const shaped = isApiCredentialShaped(text)

  expect(shaped).toBe(false)
})

test('digestOf() is SHA-256 in base64url', () => {
  const digest = digestOf('abc')

  // FIPS 180-2, appendix B.1.
  const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  expect(Buffer.from(digest, 'base64url').toString('hex')).toBe(known)
  expect(digest).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test('newId() writes a random UUID in its canonical form', () => {
  const id = newId()

  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('newId() never repeats itself in a million: every token bears one as its jti [RFC7519-4.1.7]', () => {
  const ids = new Set<string>()
  for (let count = 0; count < 1_000_000; count += 1) ids.add(newId())

  expect(ids.size).toBe(1_000_000)
})
