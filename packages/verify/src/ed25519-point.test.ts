import { expect, test } from 'vitest'
import { isEd25519Point } from './ed25519-point.ts'
import { eddsaKey } from './testing/tokens.ts'

const prime = 2n ** 255n - 19n

function littleEndian(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
}

test.each(Array.from({ length: 20 }, (_, at) => at))('isEd25519Point() takes the keys that Node makes (%i)', () => {
  const point = Buffer.from(String(eddsaKey().jwk['x']), 'base64url')

  expect(isEd25519Point(point)).toBe(true)
})

test.each([
  ['0', littleEndian(0n)],
  ['1', littleEndian(1n)],
  ['1 with the sign bit', littleEndian(1n | (1n << 255n))],
  ['-1', littleEndian(prime - 1n)],
  ['of order eight', Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex')],
  ['of order eight, signed', Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85', 'hex')],
  ['of order eight, negated', Buffer.from('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'hex')],
  ['0 spelled as the prime', littleEndian(prime)],
  ['1 spelled above the prime', littleEndian(prime + 1n)],
  ['2^255 - 1', littleEndian(2n ** 255n - 1n)],
])('isEd25519Point() refuses a point of small order or of another spelling: y is %s [RFC8725-3.4]', (_, bytes) => {
  expect(isEd25519Point(bytes)).toBe(false)
})

test('isEd25519Point() refuses a y to which no x belongs [RFC8725-3.4]', () => {
  expect(isEd25519Point(littleEndian(2n))).toBe(false)
})

test('isEd25519Point() refuses another length than 32 bytes', () => {
  const point = Buffer.from(String(eddsaKey().jwk['x']), 'base64url')

  expect(isEd25519Point(point.subarray(0, 31))).toBe(false)
  expect(isEd25519Point(Buffer.concat([point, Buffer.alloc(1)]))).toBe(false)
})
