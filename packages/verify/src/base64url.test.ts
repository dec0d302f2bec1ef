import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64url } from './base64url.ts'

test('decodeBase64url() gives back the bytes of every text that Node spells', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString('base64url')

      expect(decodeBase64url(text)).toEqual(Buffer.from(bytes))
    }),
  )
})

test('decodeBase64url() takes one text for the same bytes and no other [RFC7515-5.2.2]', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'AQgw_-+/= \n.é') }), (text) => {
      const bytes = decodeBase64url(text)

      expect(bytes === undefined || bytes.toString('base64url') === text).toBe(true)
    }),
  )
})

test.each([
  ['padding', 'QQ=='],
  ['a blank', 'QU I'],
  ['a line break', 'QUI\n'],
  ['the other alphabet', '+/+/'],
  ['a foreign character', 'QU!C'],
  ['a character whose low byte is a good one', 'QU\u0142C'],
  ['stray bits in the last character', 'QR'],
  ['a length that no bytes have', 'QUJDR'],
])('decodeBase64url() refuses %s [RFC7515-5.2.2]', (_, text) => {
  expect(decodeBase64url(text)).toBeUndefined()
})
