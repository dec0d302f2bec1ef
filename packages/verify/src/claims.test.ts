import { expect, test } from 'vitest'
import { type ClaimRules, checkClaims } from './claims.ts'
import { ada, audience, bob, claimsOf, issuer, startOfTime } from './testing/tokens.ts'

const rules: ClaimRules = { issuer, audience: undefined, profile: 'latchkey', clockToleranceSeconds: 0 }
const forUs: ClaimRules = { ...rules, audience }
const rfc9068: ClaimRules = { ...forUs, profile: 'rfc9068' }
const rfc9068Claims = {
  iss: issuer,
  sub: 'u-1',
  aud: audience,
  client_id: 'c',
  jti: 'j',
  iat: startOfTime,
  exp: startOfTime + 60,
}

const check = (changes: Record<string, unknown> = {}, by = rules, now = startOfTime) =>
  checkClaims(claimsOf(changes), by, now)
const refusal = (code: string) => expect.objectContaining({ code })

test('checkClaims() gives the claims under their names in the token, others included', () => {
  expect(check({ scope: 'read' })).toMatchObject({ user_id: ada, sub: ada, email: 'ada@example.com', scope: 'read' })
})

test('checkClaims() freezes what it gives, lists and objects inside too', () => {
  const claims = check({ aud: [audience], address: { street: { name: 'x' }, town: null } }, forUs)

  expect(Object.isFrozen(claims)).toBe(true)
  expect(Object.isFrozen(claims.aud)).toBe(true)
  expect(Object.isFrozen((claims['address'] as { street: object }).street)).toBe(true)
})

const wrongTypes = [undefined, null, 1, true, '', [], {}, ['x'], [ada]]

test.each(['user_id', 'sub', 'email', 'iss', 'jti', 'sid'])(
  'checkClaims() refuses a missing or mistyped %s',
  (name) => {
    const codes = wrongTypes.map((value) => codeOf(() => check({ [name]: value })))

    expect(codes).toEqual(wrongTypes.map(() => 'AUTH_INVALID_CLAIMS'))
  },
)

test.each(['3F0C1C1E-7A53-4A51-9D64-0D6F9B1F2A11', 'ada', `${ada} `, `{${ada}}`, ada.replaceAll('-', ''), `${ada}\n`])(
  'checkClaims() refuses a user_id and a sid that is no canonical UUID: "%s"',
  (value) => {
    expect(() => check({ user_id: value, sub: value })).toThrow(refusal('AUTH_INVALID_CLAIMS'))
    expect(() => check({ sid: value })).toThrow(refusal('AUTH_INVALID_CLAIMS'))
  },
)

test('checkClaims() refuses a token whose sub is not its user_id [ASVS 8.3.3]', () => {
  expect(() => check({ sub: bob })).toThrow(refusal('AUTH_INVALID_CLAIMS'))
})

const noTimes = [null, true, '1767229200', [], {}, startOfTime + 3_600.5, 1e308, Number.POSITIVE_INFINITY, 2 ** 53]

test.each(['exp', 'iat', 'nbf'])(
  'checkClaims() refuses a %s that is no whole number of seconds [RFC7519-2]',
  (name) => {
    const codes = noTimes.map((value) => codeOf(() => check({ [name]: value })))

    expect(codes).toEqual(noTimes.map(() => 'AUTH_INVALID_CLAIMS'))
  },
)

test('checkClaims() refuses a token without exp or iat [RFC7519-4.1.6]', () => {
  expect(() => check({ exp: undefined })).toThrow(refusal('AUTH_INVALID_CLAIMS'))
  expect(() => check({ iat: undefined })).toThrow(refusal('AUTH_INVALID_CLAIMS'))
})

test('checkClaims() takes a token until the instant of exp and refuses it from then on [RFC7519-4.1.4] [RFC9068-4e]', () => {
  const exp = startOfTime + 100

  expect(check({ exp }, rules, exp - 0.001).exp).toBe(exp)
  expect(() => check({ exp }, rules, exp)).toThrow(refusal('AUTH_EXPIRED'))
})

test('checkClaims() takes an expired token within the tolerance and no longer [ASVS 9.2.1] [RFC7519-4.1.4]', () => {
  const exp = startOfTime + 100
  const tolerant = { ...rules, clockToleranceSeconds: 30 }

  expect(check({ exp }, tolerant, exp + 29).exp).toBe(exp)
  expect(() => check({ exp }, tolerant, exp + 30)).toThrow(refusal('AUTH_EXPIRED'))
})

test.each(['iat', 'nbf'])(
  'checkClaims() takes an %s of a minute ahead and refuses one later [RFC7519-4.1.5]',
  (name) => {
    expect(check({ [name]: startOfTime + 60 })[name]).toBe(startOfTime + 60)
    expect(() => check({ nbf: startOfTime, [name]: startOfTime + 61 })).toThrow(refusal('AUTH_INVALID'))
  },
)

test('checkClaims() refuses a lifetime beyond 400 days, or none', () => {
  const days = (count: number) => startOfTime + count * 86_400

  expect(check({ iat: startOfTime, exp: days(400) }).exp).toBe(days(400))
  expect(() => check({ iat: startOfTime, exp: days(400) + 1 })).toThrow(refusal('AUTH_INVALID'))
  expect(() => check({ iat: startOfTime + 60, exp: startOfTime + 60 })).toThrow(refusal('AUTH_INVALID'))
})

test.each([`${issuer}/`, issuer.toUpperCase(), `${issuer}.evil.example`, 'https://auth.example.co'])(
  'checkClaims() refuses the issuer %s [RFC9068-4b, RFC7519-4.1.1]',
  (iss) => {
    expect(() => check({ iss })).toThrow(refusal('AUTH_INVALID'))
  },
)

test('checkClaims() compares strings without normalising them [RFC7519-7.3]', () => {
  const named = { ...rules, audience: 'caf\u00e9' }

  expect(check({ aud: 'caf\u00e9' }, named).aud).toBe('caf\u00e9')
  expect(() => check({ aud: 'cafe\u0301' }, named)).toThrow(refusal('AUTH_INVALID'))
})

test.each([audience, [audience], ['https://other.example.com', audience]])(
  'checkClaims() takes the audience %j [RFC7519-4.1.3] [RFC9068-4c]',
  (aud) => {
    expect(check({ aud }, forUs).aud).toEqual(aud)
  },
)

test.each([undefined, 'https://other.example.com', `${audience}/v1`, [], ['https://other.example.com']])(
  'checkClaims() refuses the audience %j [ASVS 9.2.3] [RFC7519-4.1.3] [RFC9068-4c]',
  (aud) => {
    expect(() => check({ aud }, forUs)).toThrow(refusal('AUTH_INVALID'))
  },
)

test.each([audience, [audience], []])(
  'checkClaims() refuses the audience %j where none is configured [ASVS 9.2.3] [RFC7519-4.1.3]',
  (aud) => {
    expect(() => check({ aud })).toThrow(refusal('AUTH_INVALID'))
  },
)

test.each([null, 1, {}, '', [1], [audience, null], [[audience]]])(
  'checkClaims() refuses the mistyped audience %j',
  (aud) => {
    expect(() => check({ aud }, forUs)).toThrow(refusal('AUTH_INVALID_CLAIMS'))
  },
)

test('checkClaims() gives the subject as user_id under the profile of RFC 9068 [ASVS 8.3.3]', () => {
  expect(checkClaims(rfc9068Claims, rfc9068, startOfTime)).toMatchObject({ sub: 'u-1', user_id: 'u-1' })
  expect(checkClaims({ ...rfc9068Claims, user_id: 'u-2' }, rfc9068, startOfTime).user_id).toBe('u-1')
})

test.each(['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'])(
  'checkClaims() demands %s under the profile of RFC 9068 [RFC9068-2.2]',
  (name) => {
    expect(() => checkClaims({ ...rfc9068Claims, [name]: undefined }, rfc9068, startOfTime)).toThrow(
      refusal('AUTH_INVALID_CLAIMS'),
    )
  },
)

test.each([1, '', null, {}])('checkClaims() refuses the mistyped sid %j under the profile of RFC 9068', (sid) => {
  expect(() => checkClaims({ ...rfc9068Claims, sid }, rfc9068, startOfTime)).toThrow(refusal('AUTH_INVALID_CLAIMS'))
})

function codeOf(act: () => unknown): unknown {
  try {
    act()
    return 'accepted'
  } catch (error) {
    return (error as { code?: string }).code
  }
}
