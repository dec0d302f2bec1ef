import { calculateJwkThumbprint, type JWK } from 'jose'
import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, testHouse } from '../testing/test-house.ts'

const minute = 60
const day = 86_400

type House = Awaited<ReturnType<typeof testHouse>>

const published = async ({ keys }: Pick<House, 'keys'>) => (await keys.publicKeys()).keys.map(({ kid }) => kid)
const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
const signerNow = async ({ auth }: Pick<House, 'auth'>) => kidOf((await auth.logIn(ada)).accessToken)

async function houseWithAda(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  await house.auth.signUp(ada)
  return house
}

test('rotate() publishes a key at once, and signs with the old one meanwhile [ASVS 13.3.4, RFC7517-5c]', async () => {
  const house = await houseWithAda()
  const [old] = await published(house)

  const { id } = await house.keys.rotate(ada.origin)

  expect(await published(house)).toEqual([old, id])
  expect(await signerNow(house)).toBe(old)
})

test('rotate() makes a key that signs ten minutes later, when every verifier has had time to fetch it', async () => {
  const house = await houseWithAda()
  const [old] = await published(house)
  const { id } = await house.keys.rotate(ada.origin)
  house.clock.advance(10 * minute - 1)
  const justBefore = await signerNow(house)
  house.clock.advance(1)

  const after = await signerNow(house)

  expect(justBefore).toBe(old)
  expect(after).toBe(id)
})

test('a token of a replaced key verifies until it dies of age [ASVS 13.3.4]', async () => {
  const house = await houseWithAda()
  await house.keys.rotate(ada.origin)
  house.clock.advance(10 * minute - 1)
  const { accessToken } = await house.auth.logIn(ada)
  house.clock.advance(day - 1)

  const claims = await house.verifier.verify(accessToken)

  expect(claims.email).toBe(ada.email)
})

test('a replaced key leaves the published set when its last token is dead', async () => {
  const house = await houseWithAda()
  const [old] = await published(house)
  const { id } = await house.keys.rotate(ada.origin)
  house.clock.advance(10 * minute + day)
  const beforeTheEnd = await published(house)
  house.clock.advance(minute + 1)

  const afterwards = await published(house)

  expect(beforeTheEnd).toEqual([old, id])
  expect(afterwards).toEqual([id])
})

test('a rotated key is known to another server on the same database within a minute', async () => {
  const here = await fileHouse()
  const there = await testHouse({ DATABASE_URL: here.databaseUrl })
  await published(there)
  const { id } = await here.keys.rotate(ada.origin)
  there.clock.advance(minute)

  const known = await published(there)

  expect(known).toContain(id)
})

test('two servers on one database agree on their first key, though both make one at once', async () => {
  const here = await fileHouse()
  const there = await testHouse({ DATABASE_URL: here.databaseUrl })

  const [one, other] = await Promise.all([here.keys.current(), there.keys.current()])

  expect(one.id).toBe(other.id)
  expect(here.database.rows('select id from signing_keys')).toHaveLength(1)
})

test('two servers on one database verify the tokens of one another', async () => {
  const here = await fileHouse()
  const there = await testHouse({ DATABASE_URL: here.databaseUrl })
  const { accessToken } = await here.auth.signUp(ada)

  const claims = await there.verifier.verify(accessToken)

  expect(claims.email).toBe(ada.email)
})

test.each(['ES256', 'EdDSA', 'RS256'])(
  'the product signs and verifies with %s, and its key says so [RFC7517-4.1, RFC7517-4.2]',
  async (algorithm) => {
    const house = await testHouse({ JWT_ALGORITHM: algorithm })

    const { accessToken } = await house.auth.signUp(ada)

    const { keys } = await house.keys.publicKeys()
    expect(keys).toEqual([
      expect.objectContaining({ kty: expect.any(String), alg: algorithm, use: 'sig', kid: kidOf(accessToken) }),
    ])
    await expect(house.verifier.verify(accessToken)).resolves.toBeDefined()
  },
)

test.each(['ES256', 'EdDSA', 'RS256'])(
  'the kid of a key for %s is its thumbprint by RFC 7638 [RFC7517-4.5]',
  async (algorithm) => {
    const house = await testHouse({ JWT_ALGORITHM: algorithm })
    await house.keys.rotate(ada.origin)

    const { keys } = await house.keys.publicKeys()

    const thumbprints = await Promise.all(keys.map((key) => calculateJwkThumbprint(key as JWK)))
    expect(keys.map(({ kid }) => kid)).toEqual(thumbprints)
    expect(new Set(thumbprints).size).toBe(2)
  },
)

test('a new JWT_ALGORITHM begins with a key that is published before it signs', async () => {
  const old = await fileHouse()
  await old.auth.signUp(ada)
  const house = await testHouse({ DATABASE_URL: old.databaseUrl, JWT_ALGORITHM: 'EdDSA' })

  const { keys } = await house.keys.publicKeys()
  const first = (await house.auth.logIn(ada)).accessToken
  house.clock.advance(10 * minute)
  const later = (await house.auth.logIn(ada)).accessToken

  expect(keys.map(({ alg }) => alg)).toEqual(['ES256', 'EdDSA'])
  expect([kidOf(first), kidOf(later)]).toEqual(keys.map(({ kid }) => kid))
})

test('private keys are stored sealed, and no published key holds a private member [RFC7517-9]', async () => {
  const { auth, keys, database } = await fileHouse()
  await auth.signUp(ada)

  const [stored] = database.rows<{ private_sealed: string; public_jwk: string }>('select * from signing_keys')

  expect(stored?.private_sealed).not.toContain('PRIVATE')
  expect(Buffer.from(stored?.private_sealed ?? '', 'base64url').toString('latin1')).not.toContain('PRIVATE')
  expect(Object.keys((await keys.publicKeys()).keys[0] ?? {}).toSorted()).toEqual(
    ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'].toSorted(),
  )
})

test('a server with another master key refuses to sign', async () => {
  const here = await fileHouse()
  await here.auth.signUp(ada)
  const there = await testHouse({
    DATABASE_URL: here.databaseUrl,
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  })

  const attempt = there.assertReady()

  await expect(attempt).rejects.toThrow(/Cannot open the signing key .*: MASTER_KEY is not the one that sealed it/)
})

test('a key that was put into the database by who lacks the master key is never published [ASVS 11.3.3]', async () => {
  const house = await fileHouse()
  await house.keys.current()
  const stranger = await fileHouse({ MASTER_KEY: Buffer.alloc(32, 'stranger').toString('base64') })
  await stranger.keys.current()
  const [planted] = stranger.database.rows<{ id: string; private_sealed: string }>('select * from signing_keys')
  house.database.run(
    `insert into signing_keys values ('${planted?.id}', 'ES256', '${planted?.private_sealed}', 0, 0, 0)`,
  )
  house.clock.advance(minute)

  const answer = house.keys.publicKeys()

  await expect(answer).rejects.toThrow(/MASTER_KEY/)
})

test('rotate() leaves a line in the audit log', async () => {
  const house = await fileHouse()

  await house.keys.rotate(ada.origin)

  expect(house.database.events()).toMatchObject([{ event_type: 'keys_rotated', ip_address: ada.origin.address }])
})

test('a lowered ACCESS_TOKEN_TTL retires no key before the longer-lived tokens of before are dead', async () => {
  const before = await fileHouse({ ACCESS_TOKEN_TTL: '24h' })
  const { accessToken } = await before.auth.signUp(ada)
  const after = await testHouse({ DATABASE_URL: before.databaseUrl, ACCESS_TOKEN_TTL: '1m' })
  await after.keys.rotate(ada.origin)
  after.clock.advance(day - 1)

  const claims = await after.verifier.verify(accessToken)

  expect(claims.email).toBe(ada.email)
})

test('JWT_ALGORITHM that is set back makes a new key, though an old one of its algorithm is there [ASVS 11.2.2]', async () => {
  const first = await fileHouse({ JWT_ALGORITHM: 'ES256' })
  await first.keys.current()
  const second = await testHouse({ DATABASE_URL: first.databaseUrl, JWT_ALGORITHM: 'EdDSA' })
  second.clock.advance(1)
  await second.keys.current()
  const third = await testHouse({ DATABASE_URL: first.databaseUrl, JWT_ALGORITHM: 'ES256' })
  third.clock.advance(2 + 10 * minute)
  await third.keys.current()
  third.clock.advance(11 * minute)

  const key = await third.keys.current()

  expect(key.algorithm).toBe('ES256')
})
