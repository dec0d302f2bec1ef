import { createVerifier } from '../verifier.ts'
import { bob, claimsOf, es256Key, issuer, startOfTime, tokenOf } from './tokens.ts'

const key = es256Key()

export const verifier = createVerifier({
  issuer,
  keys: { keys: [key.jwk] },
  revocations: 'off',
  now: () => startOfTime * 1_000,
})

export const adasToken = tokenOf(key)
export const bobsToken = tokenOf(key, { claims: claimsOf({ user_id: bob, sub: bob }) })
const expiredToken = tokenOf(key, { claims: claimsOf({ exp: startOfTime }) })

export const bearer = (token: string) => `Authorization: Bearer ${token}`

/** Header lines that do not let a request in, and what the answer must be. */
export const refusedHeaders: { name: string; lines: string[]; status: number; code: string; challenge: string }[] = [
  { name: 'no credentials', lines: [], status: 401, code: 'AUTH_MISSING', challenge: 'Bearer realm="latchkey"' },
  {
    name: 'another scheme',
    lines: ['Authorization: Basic YTpi'],
    status: 401,
    code: 'AUTH_MISSING',
    challenge: 'Bearer realm="latchkey"',
  },
  {
    name: 'a token of another form',
    lines: ['Authorization: Bearer a b'],
    status: 401,
    code: 'AUTH_INVALID',
    challenge: 'error="invalid_token"',
  },
  {
    name: 'an expired token',
    lines: [bearer(expiredToken)],
    status: 401,
    code: 'AUTH_EXPIRED',
    challenge: 'error="invalid_token"',
  },
  {
    name: 'a token of 9,000 characters',
    lines: [bearer('x'.repeat(9_000))],
    status: 401,
    code: 'AUTH_INVALID',
    challenge: 'error="invalid_token"',
  },
  {
    name: 'two Authorization headers',
    lines: [bearer(adasToken), bearer(adasToken)],
    status: 400,
    code: 'VALIDATION_ERROR',
    challenge: 'error="invalid_request"',
  },
]
