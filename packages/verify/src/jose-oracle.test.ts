import fc from 'fast-check'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import {
  ada,
  audience,
  bob,
  claimsOf,
  eddsaKey,
  es256Key,
  issuer,
  rs256Key,
  startOfTime,
  tokenOf,
} from './testing/tokens.ts'
import { createVerifier } from './verifier.ts'

const keys = [es256Key('a'), eddsaKey('b'), rs256Key('c')]
const stranger = es256Key('a')
const jwks = { keys: keys.map(({ jwk }) => jwk) }
const verifier = createVerifier({ issuer, audience, keys: jwks, revocations: 'off', now: () => startOfTime * 1_000 })
const joseKeys = createLocalJWKSet(jwks as unknown as JSONWebKeySet)

async function joseAccepts(token: string): Promise<boolean> {
  const options = {
    issuer,
    audience,
    currentDate: new Date(startOfTime * 1_000),
    algorithms: ['ES256', 'EdDSA', 'RS256'],
  }
  return jwtVerify(token, joseKeys, options).then(
    () => true,
    () => false,
  )
}

const weWouldAccept = { claims: {}, header: {} }
const changedClaims = fc.oneof(
  { weight: 3, arbitrary: fc.constant(weWouldAccept.claims) },
  fc.record(
    {
      iss: fc.constantFrom(issuer, `${issuer}/`, 1, undefined),
      aud: fc.constantFrom(audience, [audience], [audience, 'x'], 'x', [], undefined),
      exp: fc.constantFrom(startOfTime + 1, startOfTime, startOfTime - 1, '1', 1e308, undefined),
      nbf: fc.constantFrom(startOfTime, startOfTime + 100, 'x', null),
      iat: fc.constantFrom(startOfTime, startOfTime + 100, 'x', undefined),
      sub: fc.constantFrom(ada, bob, 1, undefined),
      extra: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
)
const changedHeader = fc.oneof(
  { weight: 3, arbitrary: fc.constant(weWouldAccept.header) },
  fc.record(
    {
      alg: fc.constantFrom('ES256', 'EdDSA', 'RS256', 'none', 'HS256', 'PS256', ''),
      kid: fc.constantFrom('a', 'b', 'c', 'd', '', undefined),
      typ: fc.constantFrom('at+jwt', 'application/at+jwt', 'JWT', undefined),
      crit: fc.constantFrom(['exp'], [], undefined),
      b64: fc.constantFrom(true, false, undefined),
    },
    { requiredKeys: [] },
  ),
)

/** What happens to the finished text. */
const damage = fc.oneof(
  { weight: 4, arbitrary: fc.constant((token: string) => token) },
  fc.nat().map((at) => (token: string) => token.slice(0, at % token.length) + token.slice((at % token.length) + 1)),
  fc.tuple(fc.nat(), fc.constantFrom(...'A._=- ')).map(([at, character]) => (token: string) => {
    const place = at % token.length
    return token.slice(0, place) + character + token.slice(place + 1)
  }),
)

test('verify() accepts nothing that jose refuses', async () => {
  const seen = { accepted: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...keys, stranger),
      changedClaims,
      changedHeader,
      damage,
      async (key, claims, header, harm) => {
        const token = harm(tokenOf(key, { claims: { ...claimsOf({ aud: audience }), ...claims }, header }))
        const accepts = await verifier.verify(token).then(
          () => true,
          () => false,
        )
        seen[accepts ? 'accepted' : 'refused'] += 1

        expect(!accepts || (await joseAccepts(token))).toBe(true)
      },
    ),
    { numRuns: 600 },
  )
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50)
})
