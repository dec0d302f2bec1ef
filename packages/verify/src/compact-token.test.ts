import { expect, test } from 'vitest'
import { readCompactToken, readJsonObject } from './compact-token.ts'
import { StrictJsonError } from './strict-json.ts'
import { encode } from './testing/tokens.ts'

const header = { alg: 'ES256', typ: 'at+jwt', kid: 'ec-1' }

function tokenWith(changes: Record<string, unknown>, claims: unknown = {}): string {
  return `${encode({ ...header, ...changes })}.${encode(claims)}.c2ln`
}

const refusal = expect.objectContaining({ code: 'AUTH_INVALID' })

test('readCompactToken() takes a token apart and keeps the signed octets as they came [RFC7515-5.2.1]', () => {
  const token = tokenWith({}, { sub: 'ada' })

  const parts = readCompactToken(token)

  expect(parts).toMatchObject({ algorithm: 'ES256', keyId: 'ec-1', signature: Buffer.from('sig') })
  expect(parts.payload.toString()).toBe('{"sub":"ada"}')
  expect(`${parts.signedText}.c2ln`).toBe(token)
})

test.each(['', 'a', 'a.b', 'a.b.c.d', 'a.b.c.', '..', '...', `${tokenWith({})}.`])(
  'readCompactToken() refuses anything but exactly two periods: "%s" [RFC7515-5.2.1] [RFC7519-7.2a]',
  (token) => {
    expect(() => readCompactToken(token)).toThrow(refusal)
  },
)

test('readCompactToken() takes 8,192 characters and refuses 8,193', () => {
  // With a key id of three characters both lengths leave a signature of whole bytes.
  const start = `${tokenWith({ kid: 'k-1' }).split('.')[0]}..`

  expect(readCompactToken(start.padEnd(8_192, 'A')).keyId).toBe('k-1')
  expect(() => readCompactToken(start.padEnd(8_193, 'A'))).toThrow(refusal)
})

test.each(['at+jwt', 'application/at+jwt'])(
  'readCompactToken() takes the type %s [RFC9068-4a] [RFC7519-5.1] [RFC7515-4.1.9]',
  (typ) => {
    expect(readCompactToken(tokenWith({ typ })).algorithm).toBe('ES256')
  },
)

test.each([undefined, 'JWT', 'AT+JWT', 'at+jwt ', 'application/AT+jwt', 'xat+jwt', 'refresh+jwt', 1, ['at+jwt'], null])(
  'readCompactToken() refuses the type %j [ASVS 9.2.2] [RFC9068-4a]',
  (typ) => {
    expect(() => readCompactToken(tokenWith({ typ }))).toThrow(refusal)
  },
)

test.each([
  ['crit', ['exp']],
  ['crit', []],
  ['crit', null],
  ['b64', true],
  ['b64', false],
  ['zip', 'DEF'],
  ['cty', 'JWT'],
  ['cty', ''],
])('readCompactToken() refuses a header with %s %j [RFC7515-4.1.11] [RFC7797-7] [RFC7519-5.2]', (name, value) => {
  expect(() => readCompactToken(tokenWith({ [name]: value }))).toThrow(refusal)
})

test.each([1, null, {}, [], true, '', 'a b', 'a\n', 'é', '../x\0', "'", '"', 'k'.repeat(129)])(
  'readCompactToken() refuses the key id %j [RFC8725-3.10a] [RFC7515-4.1.4]',
  (kid) => {
    expect(() => readCompactToken(tokenWith({ kid }))).toThrow(refusal)
  },
)

test.each(['k', 'k'.repeat(128), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', '2026-01-01T00:00:00Z', 'a+/=='])(
  'readCompactToken() takes the key id "%s"',
  (kid) => {
    expect(readCompactToken(tokenWith({ kid })).keyId).toBe(kid)
  },
)

test.each([undefined, null, 1, {}, ['ES256']])('readCompactToken() refuses the algorithm %j [RFC7515-4.1.1]', (alg) => {
  expect(() => readCompactToken(tokenWith({ alg }))).toThrow(refusal)
})

test('readCompactToken() ignores header parameters that it does not know', () => {
  expect(readCompactToken(tokenWith({ 'https://example.com/x': [1], jwk: {}, jku: 'x' })).keyId).toBe('ec-1')
})

test.each([
  ['repeats a name', '{"alg":"ES256","typ":"at+jwt","alg":"ES256"}'],
  ['repeats a name in escapes', '{"alg":"ES256","typ":"at+jwt","\\u0061lg":"ES256"}'],
])('readCompactToken() refuses a header that %s [RFC7515-5.2.4] [RFC7515-4]', (_, text) => {
  expect(() => readCompactToken(`${encode(text)}..`)).toThrow(refusal)
})

test.each([
  ['claims', '!!', 'c2ln'],
  ['signature', 'e30', 'c2ln='],
])('readCompactToken() refuses %s that are no base64url [RFC7515-5.2.2]', (_, claims, signature) => {
  expect(() => readCompactToken(`${encode(header)}.${claims}.${signature}`)).toThrow(refusal)
})

test.each(['[]', '[{}]', 'null', '"x"', '1', 'true', '', '{'])('readJsonObject() refuses %j', (text) => {
  expect(() => readJsonObject(Buffer.from(text))).toThrow(refusal)
})

test('readJsonObject() says in the cause which rule the text broke', () => {
  const cause = new StrictJsonError('JSON text names a member twice')

  expect(() => readJsonObject(Buffer.from('{"a":1,"a":1}'))).toThrow(expect.objectContaining({ cause }))
})

test.each(['[]', 'null', '"x"', '1', '', '\ufeff{"alg":"ES256","typ":"at+jwt"}', '{"alg":"ES256","typ":"at+jwt"}x'])(
  'readCompactToken() refuses a header that is not one JSON object: %s [RFC7515-5.2.3]',
  (text) => {
    expect(() => readCompactToken(`${encode(text)}..`)).toThrow(refusal)
  },
)

test('readCompactToken() refuses what is no text', () => {
  expect(() => readCompactToken(Buffer.from(tokenWith({})) as never)).toThrow(refusal)
})
