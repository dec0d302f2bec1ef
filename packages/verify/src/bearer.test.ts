import { expect, test } from 'vitest'
import { authorizationOf, challengeFor, glimpseBearer, readBearer } from './bearer.ts'
import { TokenError, type TokenErrorCode, tokenErrors } from './token-error.ts'

const url = '/api/me'
const read = (...authorization: string[]) => readBearer({ authorization, url })
const refusal = (code: TokenErrorCode) => expect.objectContaining({ code })

test.each(['Bearer abc.def-_~+/==', 'bearer abc.def-_~+/==', 'BEARER abc.def-_~+/=='])(
  'readBearer() takes the token out of "%s" [RFC6750-2.1]',
  (value) => {
    expect(read(value)).toBe('abc.def-_~+/==')
  },
)

test.each([
  '',
  'Bearer',
  'bearer ',
  'Bearer   ',
  'Basic YTpi',
  'Bearerx abc',
  'Token abc',
  ' Bearer abc',
  '"Bearer" abc',
])('readBearer() finds no Bearer credentials in "%s" [RFC6750-2.1]', (value) => {
  expect(() => read(value)).toThrow(refusal('AUTH_MISSING'))
})

test('readBearer() finds no credentials without a header', () => {
  expect(() => read()).toThrow(refusal('AUTH_MISSING'))
})

test.each([
  'Bearer  abc',
  'Bearer\tabc',
  'Bearer abc def',
  'Bearer abc ',
  'Bearer "abc"',
  'Bearer a,b',
  'Bearer é',
  'Bearer =',
  'Bearer a=b',
  'Bearer,abc',
  'Bearer a\nb',
])('readBearer() refuses another form than one space and one token: "%s" [RFC6750-2.1]', (value) => {
  expect(() => read(value)).toThrow(refusal('AUTH_INVALID'))
})

test('readBearer() refuses two headers, also equal ones and ones of other schemes [RFC6750-2]', () => {
  expect(() => read('Bearer a', 'Bearer a')).toThrow(refusal('VALIDATION_ERROR'))
  expect(() => read('Basic YTpi', 'Bearer a')).toThrow(refusal('VALIDATION_ERROR'))
})

test.each(['?access_token=a', '/x?access_token=a', '/x?a=1&access_token=', '/x?access%5Ftoken=a', '/x?access_token'])(
  'readBearer() refuses a token in the header and in the query of %s [RFC6750-2]',
  (target) => {
    expect(() => readBearer({ authorization: ['Bearer a'], url: target })).toThrow(refusal('VALIDATION_ERROR'))
  },
)

test('readBearer() does not take a token from the query [RFC6750-2.3]', () => {
  expect(() => readBearer({ authorization: [], url: '/x?access_token=a' })).toThrow(refusal('AUTH_MISSING'))
})

test.each(['/access_token', '/x&access_token=a', '/x?q=access_token', '/x?my_access_token=1', '/x?'])(
  'readBearer() takes the header on %s, where no token is in the query',
  (target) => {
    expect(readBearer({ authorization: ['Bearer a'], url: target })).toBe('a')
  },
)

const glimpse = (...authorization: string[]) => glimpseBearer({ authorization, url })

test.each(['Bearer', 'bearer', 'BEARER'])('glimpseBearer() takes what follows "%s" and one space', (scheme) => {
  expect(glimpse(`${scheme} a b`)).toBe('a b')
  expect(glimpse(`${scheme} !`)).toBe('!')
  expect(glimpse(`${scheme} ~`)).toBe('~')
})

test.each([
  ...['xearer a', 'Bxarer a', 'Bexrer a', 'Beaxer a', 'Bearxr a', 'Bearex a', 'Bearerxa', 'Bearer', 'Basic YTpi', ''],
  ...['Bearer  a', 'Bearer\ta', 'Bearer \u007fa', 'Bearer \u0000a', 'Bearer éa', '\u0162earer a'],
])('glimpseBearer() leaves "%s" to readBearer()', (value) => {
  expect(glimpse(value)).toBeUndefined()
})

test('glimpseBearer() leaves to readBearer() no header, two of them, and a token in the query', () => {
  expect(glimpse()).toBeUndefined()
  expect(glimpse('Bearer a', 'Bearer a')).toBeUndefined()
  expect(glimpseBearer({ authorization: ['Bearer a'], url: '/x?access_token=a' })).toBeUndefined()
})

test('authorizationOf() finds every Authorization header, in any case, and nothing else', () => {
  const raw = ['Host', 'authorization', 'AUTHORIZATION', 'Bearer a', 'If-None-Match', 'y', 'authorization', 'Bearer b']

  expect(authorizationOf(raw)).toEqual(['Bearer a', 'Bearer b'])
})

test('challengeFor() names no error without credentials [RFC6750-3.1a] [RFC6750-3a]', () => {
  expect(challengeFor(new TokenError('AUTH_MISSING'))).toBe('Bearer realm="latchkey"')
})

test.each([
  ['AUTH_INVALID', 'The token is not valid'],
  ['AUTH_EXPIRED', 'The token has expired'],
  ['AUTH_REVOKED', 'The token was revoked'],
  ['AUTH_INVALID_CLAIMS', 'The token is not valid'],
] as const)('challengeFor() says invalid_token for %s [RFC6750-3.1c] [RFC9068-4f]', (code, description) => {
  const challenge = `Bearer realm="latchkey", error="invalid_token", error_description="${description}"`

  expect(challengeFor(new TokenError(code))).toBe(challenge)
})

test('challengeFor() says invalid_request for credentials that come twice [RFC6750-3.1b]', () => {
  expect(challengeFor(new TokenError('VALIDATION_ERROR'))).toMatch('error="invalid_request"')
})

test.each(['AUTH_FORBIDDEN', 'VERIFIER_UNAVAILABLE', 'REVOCATIONS_STALE'] as const)(
  'challengeFor() has nothing to say for %s [RFC6750-3.1d]',
  (code) => {
    expect(challengeFor(new TokenError(code))).toBeUndefined()
  },
)

test.each(Object.keys(tokenErrors) as TokenErrorCode[])(
  'challengeFor() quotes each attribute once, in plain ASCII, for %s [RFC6750-3b]',
  (code) => {
    const challenge = challengeFor(new TokenError(code)) ?? 'Bearer realm="latchkey"'
    const names = [...challenge.matchAll(/(\w+)="[\x20\x21\x23-\x5b\x5d-\x7e]+"/g)].map(([, name]) => name)

    expect(challenge).toMatch(/^Bearer \w+="[^"\\]+"(, \w+="[^"\\]+")*$/)
    expect(new Set(names).size).toBe(challenge.split('="').length - 1)
  },
)
