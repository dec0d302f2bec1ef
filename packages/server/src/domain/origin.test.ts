import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxUserAgentLength, printableUserAgent } from './origin.ts'

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64)', 'Mozilla/5.0 (X11; Linux x86_64)'],
  ['', ''],
  ['caf\u00e9 \u4e2d \u{1f511}', 'caf\u00e9 \u4e2d \u{1f511}'],
  ['a\r\nset-cookie: b', 'a\\u000d\\u000aset-cookie: b'],
  ['a\u0000b', 'a\\u0000b'],
  ['a\tb', 'a\\u0009b'],
  ['\u001b[2J', '\\u001b[2J'],
  ['\u007f\u0085\u009b', '\\u007f\\u0085\\u009b'],
  ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['\u202e\u2066\u200f\u200b\ufeff', '\\u202e\\u2066\\u200f\\u200b\\ufeff'],
  ['a\ud800b', 'a\\ud800b'],
  ['\udc00', '\\udc00'],
  ['\u{e0041}\u{e0042}', '\\udb40\\udc41\\udb40\\udc42'],
])('printableUserAgent(%j) answers %j [ASVS 16.4.1]', (raw, expected) => {
  const printable = printableUserAgent(raw)

  expect(printable).toBe(expected)
})

test.each([
  ['letters', 'a'.repeat(501)],
  ['line breaks, which grow when they are escaped', '\n'.repeat(500)],
  ['a character of two halves across the edge', `${'a'.repeat(499)}\u{1f511}`],
])('printableUserAgent() cuts %s at 500', (_what, raw) => {
  const printable = printableUserAgent(raw)

  expect(printable).toHaveLength(maxUserAgentLength)
  expect(printable.isWellFormed()).toBe(true)
})

test('printableUserAgent() answers printable, well-formed text of at most 500 to anything', () => {
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (raw) => {
    const printable = printableUserAgent(raw)
    return printable.isWellFormed() && printable.length <= 500 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(printable)
  })

  fc.assert(property, { numRuns: 1_000 })
})

test('printableUserAgent() leaves what it answered as it is', () => {
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (raw) => {
    const printable = printableUserAgent(raw)
    return printableUserAgent(printable) === printable
  })

  fc.assert(property)
})
