import { expect, onTestFinished, test, vi } from 'vitest'
import { claimsOf, es256Key, issuer, startOfTime, tokenOf } from './testing/tokens.ts'

const key = es256Key()
let seconds = startOfTime
const clock = () => seconds * 1_000

/** The verifier takes for the system's clock what is in its place when it is loaded. */
const systemClock = Date.now
vi.resetModules()
Date.now = clock
const { createVerifier } = await import('./verifier.ts')
Date.now = systemClock
vi.resetModules()

/** A verifier by the system's clock, and a token that is good for a minute of it. */
function testVerifier() {
  seconds = startOfTime
  const verifier = createVerifier({ issuer, keys: { keys: [key.jwk] }, revocations: 'off', now: clock })
  onTestFinished(verifier.close)
  return { verifier, token: tokenOf(key, { claims: claimsOf({ exp: startOfTime + 60 }) }) }
}

test('verifyNow() reads the clock of the system once for a burst of tokens in one turn of the event loop', async () => {
  const { verifier, token } = testVerifier()
  for (let count = 0; count < 40; count += 1) verifier.verifyNow(token)

  seconds += 60
  const inTheSameTurn = verifier.verifyNow(token)
  await new Promise(setImmediate)

  expect(inTheSameTurn).toBeDefined()
  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})

test('verifyNow() reads the clock of the system in every turn, also after one with a burst', async () => {
  const { verifier, token } = testVerifier()
  const known = tokenOf(key, { claims: claimsOf({ exp: startOfTime + 60 }) })
  for (let count = 0; count < 40; count += 1) verifier.verifyNow(known)
  await new Promise(setImmediate)
  for (const one of [token, token]) verifier.verifyNow(one)
  await new Promise(setImmediate)

  seconds += 60

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})

test('verifyNow() takes tokens of different milliseconds for no burst', () => {
  const { verifier, token } = testVerifier()
  for (let count = 0; count < 40; count += 1) {
    seconds += 0.001
    verifier.verifyNow(token)
  }

  seconds += 60

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})

test('verifyNow() reads the clock of the system for every token where there is no burst', () => {
  const { verifier, token } = testVerifier()
  for (let count = 0; count < 1 + 31; count += 1) verifier.verifyNow(token)

  seconds += 60

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})

test('verifyNow() reads the clock again within a burst for every 257th token', () => {
  const { verifier, token } = testVerifier()
  // One is not known yet, and the 32nd of the others shows the burst.
  for (let count = 0; count < 1 + 32; count += 1) verifier.verifyNow(token)

  seconds += 60
  for (let count = 0; count < 255; count += 1) verifier.verifyNow(token)

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})
