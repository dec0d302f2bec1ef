import { expect, test } from 'vitest'
import { fixedKeys, loadedKeys } from './key-source.ts'
import { readKeySet } from './keys.ts'
import { es256Key } from './testing/tokens.ts'

const first = es256Key('first')
const second = es256Key('second')
const unavailable = { code: 'VERIFIER_UNAVAILABLE', status: 503 }

/** Keys whose issuer is played by hand: what it publishes, and whether it answers. */
function testKeys() {
  const issuer = { keys: [first.jwk], isDown: false, isSilent: false, loads: 0, milliseconds: 10_000_000 }
  const keys = loadedKeys({
    allowed: ['ES256'],
    elapsed: () => issuer.milliseconds,
    load: async () => {
      issuer.loads += 1
      if (issuer.isDown) throw new Error('down')
      if (issuer.isSilent) await new Promise(() => {})
      return { set: { keys: issuer.keys }, maxAgeSeconds: 300 }
    },
  })
  return { issuer, keys }
}

test('loadedKeys() loads once for many who ask at once, and not again while the set is young', async () => {
  const { issuer, keys } = testKeys()

  await Promise.all([keys.get(), keys.get(), keys.get()])
  issuer.milliseconds += 299_999
  await keys.get()

  expect(issuer.loads).toBe(1)
  expect(keys.count()).toBe(1)
})

test('loadedKeys() loads again when the set is too old, so that a withdrawn key stops counting', async () => {
  const { issuer, keys } = testKeys()
  await keys.get()
  issuer.keys = [second.jwk]

  issuer.milliseconds += 300_000
  const ring = await keys.get()

  expect(ring.find('ES256', 'first')).toBeUndefined()
  expect(ring.find('ES256', 'second')).toBeDefined()
})

test('loadedKeys() loads at once for the first unknown key, then at most every five seconds', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  issuer.keys = [first.jwk, second.jwk]

  const newer = await keys.getNewer(ring)
  expect(newer?.find('ES256', 'second')).toBeDefined()

  const again = newer ?? ring
  issuer.milliseconds += 4_999
  expect(await keys.getNewer(again)).toBeUndefined()
  expect(issuer.loads).toBe(2)

  issuer.milliseconds += 1
  await keys.getNewer(again)
  expect(issuer.loads).toBe(3)
})

test('loadedKeys() gives newer keys that are at hand without another load', async () => {
  const { issuer, keys } = testKeys()
  const old = await keys.get()
  issuer.keys = [first.jwk, second.jwk]
  const [one, other] = await Promise.all([keys.getNewer(old), keys.getNewer(old)])

  expect(one?.size).toBe(2)
  expect(one).toBe(other)
  expect(await keys.getNewer(old)).toBe(one)
  expect(issuer.loads).toBe(2)
})

test('loadedKeys() does not count an unknown key for which a load was on its way', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  issuer.milliseconds += 300_000
  await Promise.all([keys.get(), keys.getNewer(ring)])

  await keys.getNewer(ring)

  expect(issuer.loads).toBe(3)
})

test('loadedKeys() keeps its ring while the issuer publishes the same keys', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  issuer.milliseconds += 300_000

  expect(await keys.get()).toBe(ring)
  expect(issuer.loads).toBe(2)
})

test('loadedKeys() lets nobody wait for an attempt after one that failed', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  issuer.isDown = true
  issuer.milliseconds += 300_000
  await keys.get()
  issuer.isDown = false
  issuer.isSilent = true
  issuer.milliseconds += 1_000

  const immediately = new Promise((resolve) => setImmediate(resolve, 'later'))
  await expect(Promise.race([keys.get(), immediately])).resolves.toBe(ring)

  expect(issuer.loads).toBe(3)
})

test('fixedKeys() counts them', () => {
  expect(fixedKeys(readKeySet({ keys: [first.jwk, second.jwk] }, ['ES256'])).count()).toBe(2)
})

test('loadedKeys() keeps the old keys when the issuer is down, and asks again a second later', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  issuer.isDown = true
  issuer.milliseconds += 300_000

  expect(await keys.get()).toBe(ring)
  expect(await keys.get()).toBe(ring)
  expect(issuer.loads).toBe(2)

  issuer.milliseconds += 1_000
  await keys.get()
  expect(issuer.loads).toBe(3)
})

test('loadedKeys() keeps the old keys when an unknown key comes while the issuer is down', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  issuer.isDown = true

  expect(await keys.getNewer(ring)).toBeUndefined()
  expect(await keys.get()).toBe(ring)
})

test('loadedKeys() gives up keys that nobody has confirmed for a day', async () => {
  const { issuer, keys } = testKeys()
  await keys.get()
  issuer.isDown = true
  issuer.milliseconds += 24 * 60 * 60 * 1_000

  await expect(keys.get()).rejects.toMatchObject(unavailable)
})

test('loadedKeys() has no keys before the issuer has answered, and asks again a second later', async () => {
  const { issuer, keys } = testKeys()
  issuer.isDown = true

  await expect(keys.get()).rejects.toMatchObject({ ...unavailable, cause: { message: 'down' } })
  await expect(keys.get()).rejects.toMatchObject(unavailable)
  expect(issuer.loads).toBe(1)
  expect(keys.count()).toBeUndefined()

  issuer.isDown = false
  issuer.milliseconds += 1_000
  await expect(keys.get()).resolves.toMatchObject({ size: 1 })
})

test.each([null, 'keys', [], {}, { keys: {} }])(
  'loadedKeys() takes %j for a failure, not for an empty set',
  async (set) => {
    const keys = loadedKeys({ allowed: ['ES256'], load: async () => ({ set, maxAgeSeconds: 300 }) })

    await expect(keys.get()).rejects.toMatchObject(unavailable)
  },
)

test('loadedKeys() has its old keys at hand while the issuer is down, asks again a second later, and has none after a day', async () => {
  const { issuer, keys } = testKeys()
  const ring = await keys.get()
  const loadedAt = issuer.milliseconds
  issuer.isDown = true
  issuer.milliseconds += 300_000
  const beforeTheFailure = keys.atHand()
  await keys.get()
  const rightAfterIt = keys.atHand()
  const loadsAfterIt = issuer.loads
  issuer.milliseconds += 1_000

  const aSecondLater = keys.atHand()

  expect([beforeTheFailure, rightAfterIt, aSecondLater]).toEqual([undefined, ring, ring])
  expect(issuer.loads).toBe(loadsAfterIt + 1)
  issuer.milliseconds = loadedAt + 24 * 60 * 60 * 1_000 - 1
  expect(keys.atHand()).toBe(ring)
  issuer.milliseconds += 1
  expect(keys.atHand()).toBeUndefined()
})
