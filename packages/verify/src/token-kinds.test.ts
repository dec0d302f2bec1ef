import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { type KeyRing, readKeySet } from './keys.ts'
import { readStatusList } from './status-list-token.ts'
import { listTokenOf } from './testing/issuer.ts'
import { claimsOf, encode, es256Key, issuer, startOfTime, tokenOf } from './testing/tokens.ts'
import { createVerifier } from './verifier.ts'

const key = es256Key()
const uri = `${issuer}/.well-known/status-lists/0`
const list = { bits: 1, lst: 'eNrtwTEBAAAAwqD1T20ND6AAAAAAAAAAAAAAAPg3IAAAAQ' }

const verifier = createVerifier({
  issuer,
  keys: { keys: [key.jwk] },
  revocations: 'off',
  now: () => startOfTime * 1_000,
})

const ring: KeyRing = readKeySet({ keys: [key.jwk] }, ['ES256'])
const readList = (token: string) =>
  readStatusList(token, {
    issuer,
    uri,
    nowSeconds: startOfTime,
    findKey: async ({ algorithm, keyId }) => {
      const found = ring.find(algorithm, keyId)
      if (!found) throw new Error('no key')
      return found
    },
  })

test('readStatusList() takes a list, and refuses it as soon as it is of the type of an access token [RFC8725-3.11, RFC8725-3.12]', async () => {
  const good = listTokenOf(key, { uri, issuer })
  const mistyped = listTokenOf(key, { uri, issuer, header: { typ: 'at+jwt' } })

  await expect(readList(good)).resolves.toHaveLength(8_192)
  await expect(readList(mistyped)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test('readStatusList() refuses an access token that has all claims of a list [RFC8725-3.12]', async () => {
  const claims = claimsOf({ sub: uri, user_id: uri, status_list: list })

  await expect(readList(tokenOf(key, { claims }))).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test('verify() refuses a list that has all claims of an access token [RFC8725-3.11, RFC8725-3.12]', async () => {
  const token = tokenOf(key, { claims: claimsOf({ status_list: list }), header: { typ: 'statuslist+jwt' } })

  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

/** All sixteen. */
const nones = Array.from({ length: 16 }, (_, mask) =>
  [...'none'].map((letter, at) => ((mask >> at) & 1 ? letter.toUpperCase() : letter)).join(''),
)

test.each([...nones, ' none', 'none ', 'non\u0435', '', null, 0, ['none']])(
  'verify() refuses the algorithm %j, with a signature and without [RFC8725-3.2b]',
  async (alg) => {
    const signed = tokenOf(key, { header: { alg } })
    const unsigned = `${encode({ alg, typ: 'at+jwt' })}.${encode(claimsOf({ jti: randomUUID() }))}.`

    await expect(verifier.verify(signed)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
    await expect(verifier.verify(unsigned)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
  },
)
