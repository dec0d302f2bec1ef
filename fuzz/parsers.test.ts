import fc from 'fast-check'
import { test } from 'vitest'
import { readsForwardingAsOracle } from './forwarding.ts'
import { readsTokensAsOracle } from './tokens.ts'

test('clientAddress() reads X-Forwarded-For as proxy-addr does, or answers a trusted proxy where a hop is no address', () => {
  fc.assert(readsForwardingAsOracle, { numRuns: 2_000 })
})

test('readCompactToken() takes nothing that jose refuses, reads the same in it, and refuses more for the stated reasons alone', async () => {
  await fc.assert(readsTokensAsOracle, { numRuns: 1_000 })
})
