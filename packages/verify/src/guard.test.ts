import fc from 'fast-check'
import { expect, test } from 'vitest'
import { glimpseBearer, readBearer } from './bearer.ts'
import { admit, type Verdict } from './guard.ts'
import { codePoint } from './testing/code-point.ts'
import { adasToken, verifier } from './testing/guarded.ts'
import { ada, hs256Key, issuer, startOfTime, tokenOf } from './testing/tokens.ts'
import { TokenError } from './token-error.ts'
import { createVerifier } from './verifier.ts'

const secret = 'a secret of at least 32 bytes, for tests'

const schemes = [
  'Bearer',
  'bearer',
  'BEARER',
  'bEaReR',
  'Basic',
  'Bearerx',
  'Beare',
  'ıearer',
  '"Bearer"',
  '',
  ' Bearer',
]
const gaps = [' ', '', '  ', '\t', ',', '\n', '\u00a0', '  \t ', ' \u00a0', ' \u2028', ' =']
const rests = [
  adasToken,
  `${adasToken}=`,
  `${adasToken} `,
  ` ${adasToken}`,
  `${adasToken},x`,
  'a b',
  'abc',
  '=',
  '',
  'é',
]
const values = fc.oneof(
  fc
    .tuple(fc.constantFrom(...schemes), fc.constantFrom(...gaps), fc.constantFrom(...rests))
    .map((parts) => parts.join('')),
  { weight: 2, arbitrary: fc.constant(`Bearer ${adasToken}`) },
  fc.string(),
  fc.string({ unit: codePoint }).map((text) => `Bearer ${text}`),
)
const urls = fc.constantFrom('/x', '/x?', '/x?a=1', '/x?access_token=a', '/x?access%5Ftoken', '/?a=?access_token=1')
const requests = fc.record({ authorization: fc.array(values, { maxLength: 2 }), url: urls })

test('admit() gives the verdict that the whole header and the verifier give, be the header as it may', async () => {
  const tally = { admitted: 0, refused: 0 }

  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      const { claims, problem } = await admit(verifier, { ...request, findRequestId: () => undefined })

      const expected = await judge(() => verifier.verify(readBearer(request)))
      expect(claims ?? problem?.body.error.code).toEqual(expected)
      tally[claims ? 'admitted' : 'refused'] += 1
    }),
    { numRuns: 3_000 },
  )
  expect(Math.min(tally.admitted, tally.refused)).toBeGreaterThan(100)
})

const asAda = { authorization: [`Bearer ${adasToken}`], url: '/x', findRequestId: () => undefined }

test('admit() gives its verdict at once where nothing must be waited for', () => {
  expect(admit(verifier, asAda)).toMatchObject({ claims: { user_id: ada } })
})

test('admit() passes a fault on', () => {
  const fault = new Error('not a refusal')
  const isRevoked = () => {
    throw fault
  }
  const faulty = createVerifier({ issuer, secret, revocations: { isRevoked }, now: () => startOfTime * 1_000 })
  const token = tokenOf(hs256Key(secret))

  expect(() => admit(faulty, { ...asAda, authorization: [`Bearer ${token}`] })).toThrow(fault)
})

test.each(['not a UUID', [ada], 5, undefined])('admit() refuses under an id of its own in place of %j', (id) => {
  const { problem } = admit(verifier, { authorization: [], url: '/x', findRequestId: () => id }) as Verdict

  expect(problem?.body.meta.request_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(problem?.body.meta.request_id).not.toEqual(id)
})

test('glimpseBearer() takes the same token as readBearer(), wherever both find one', () => {
  fc.assert(
    fc.property(requests, (request) => {
      const glimpsed = glimpseBearer(request)
      fc.pre(glimpsed !== undefined && /^[A-Za-z0-9\-._~+/]+=*$/.test(glimpsed))
      expect(readBearer(request)).toBe(glimpsed)
    }),
  )
})

async function judge(verify: () => Promise<unknown>): Promise<unknown> {
  try {
    return await verify()
  } catch (error) {
    if (error instanceof TokenError) return error.code
    throw error
  }
}
