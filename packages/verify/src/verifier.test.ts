import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import type { RevocationSource } from './revocation-feed.ts'
import { resetEvent, revokedEvent, testIssuer } from './testing/issuer.ts'
import { deadAddress } from './testing/server.ts'
import {
  ada,
  claimsOf,
  eddsaKey,
  encode,
  es256Key,
  hs256Key,
  issuer,
  rs256Key,
  startOfTime,
  tokenOf,
} from './testing/tokens.ts'
import { TokenError } from './token-error.ts'
import type { TokenStatus } from './token-status.ts'
import { createVerifier } from './verifier.ts'
import type { VerifierOptions } from './verifier-options.ts'

const key = es256Key()
const secret = 'a secret of at least 32 bytes, for tests'
const credential = `lka_${'A'.repeat(43)}`
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function testVerifier(options: Partial<VerifierOptions> = {}) {
  const keys = 'secret' in options || 'keys' in options ? {} : { keys: { keys: [key.jwk] } }
  const verifier = createVerifier({ issuer, revocations: 'off', now: () => startOfTime * 1_000, ...keys, ...options })
  endings.push(verifier.close)
  return verifier
}

async function openIssuer(...keys: object[]) {
  const opened = await testIssuer({ keys })
  endings.push(opened.close)
  return opened
}

const remote = { keys: undefined }

test.each([
  ['ES256', es256Key()],
  ['EdDSA', eddsaKey()],
  ['RS256', rs256Key()],
] as const)('verify() takes a token by a key of the set, %s [RFC8725-3.2a] [RFC9068-2.1a]', async (_, own) => {
  const verifier = testVerifier({ keys: { keys: [own.jwk] } })

  await expect(verifier.verify(tokenOf(own))).resolves.toMatchObject({ user_id: ada })
})

test('verify() takes a token by the shared secret, with any key id or none', async () => {
  const verifier = testVerifier({ secret })

  await expect(verifier.verify(tokenOf(hs256Key(secret)))).resolves.toMatchObject({ user_id: ada })
  await expect(verifier.verify(tokenOf(hs256Key(secret), { header: { kid: undefined } }))).resolves.toBeDefined()
})

test('verify() takes nothing but HS256 with a secret, and everything but HS256 with keys [ASVS 9.1.2]', async () => {
  const invalid = { code: 'AUTH_INVALID' }

  await expect(testVerifier({ secret }).verify(tokenOf(key))).rejects.toMatchObject(invalid)
  await expect(testVerifier().verify(tokenOf(hs256Key(secret)))).rejects.toMatchObject(invalid)
})

test('verify() takes only the algorithms that it was told to [RFC8725-3.1a]', async () => {
  const [some, other] = [testVerifier({ algorithms: ['ES256'] }), testVerifier({ algorithms: ['EdDSA'] })]

  await expect(some.verify(tokenOf(key))).resolves.toBeDefined()
  await expect(other.verify(tokenOf(key))).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test('verify() refuses a token by a key of another issuer [RFC8725-3.8a]', async () => {
  await expect(testVerifier().verify(tokenOf(es256Key('ec-1')))).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test('verify() looks at claims only after the signature has matched [ASVS 9.1.1]', async () => {
  const expired = tokenOf(es256Key('ec-1'), { claims: claimsOf({ exp: 1, iat: 0 }) })
  const odd = tokenOf(es256Key('ec-1'), { claims: '[]' })

  await expect(testVerifier().verify(expired)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
  await expect(testVerifier().verify(odd)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test.each([undefined, null, 1, {}, '', 'x', 'é.é.é'])('verify() rejects %j and never throws at once', async (token) => {
  const outcome = testVerifier().verify(token as string)

  await expect(outcome).rejects.toBeInstanceOf(TokenError)
})

test.each([
  ['expired', 'AUTH_EXPIRED', { exp: startOfTime - 1 }],
  ['ill-formed', 'AUTH_INVALID_CLAIMS', { email: 1 }],
  ['foreign', 'AUTH_INVALID', { iss: 'https://other.example.com' }],
])('verify() says of an %s token %s, without a word of it', async (_, code, changes) => {
  const token = tokenOf(key, { claims: claimsOf(changes) })
  const error: TokenError = await testVerifier()
    .verify(token)
    .catch((caught) => caught)

  expect(error).toMatchObject({ name: 'TokenError', code, status: 401 })
  expect(`${error.message}${error.stack}${JSON.stringify(error.cause)}`).not.toContain(token.slice(0, 20))
})

test('verify() gives two calls claims that nobody can change', async () => {
  const claims = await testVerifier().verify(tokenOf(key))

  expect(() => Object.assign(claims, { user_id: 'x' })).toThrow(TypeError)
})

test('verify() fetches the keys of the issuer, once', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ ...remote, issuer: opened.url })
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url }) })

  await Promise.all([verifier.verify(token), verifier.verify(token)])

  expect(opened.keySetRequests()).toBe(1)
  expect(verifier.status()).toMatchObject({ keys: 2, revocations: undefined })
})

test('verify() takes a token by a key that the issuer has just begun to use', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ ...remote, issuer: opened.url })
  const next = es256Key('ec-2')
  await verifier.ready()
  opened.publish([key.jwk, next.jwk])

  const claims = await verifier.verify(tokenOf(next, { claims: claimsOf({ iss: opened.url }) }))

  expect(claims.user_id).toBe(ada)
  expect(opened.keySetRequests()).toBe(2)
})

test('verify() introspects no token by a new key while the feed is fresh', async () => {
  const opened = await openIssuer(key.jwk)
  const onStale = { onStale: 'introspect', credential, revocations: 'feed' } as const
  const verifier = testVerifier({ ...remote, ...onStale, issuer: opened.url })
  const next = es256Key('ec-2')
  await verifier.ready()
  await opened.nextListener()
  opened.publish([next.jwk])

  await verifier.verify(tokenOf(next, { claims: claimsOf({ iss: opened.url }) }))

  expect(Object.keys(opened.authorizations())).toEqual(['/api/auth/revocations'])
})

test('verify() does not ask the issuer again and again for keys that do not exist', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ ...remote, issuer: opened.url })
  const strangers = ['a', 'b', 'c', 'd'].map((keyId) => tokenOf(es256Key(keyId)))

  await verifier.ready()
  for (const token of strangers) await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_INVALID' })

  expect(opened.keySetRequests()).toBe(2)
})

test('verify() asks nobody for the key of an algorithm that cannot pass', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ ...remote, issuer: opened.url })

  await expect(verifier.verify(`${encode({ alg: 'none', typ: 'at+jwt' })}..`)).rejects.toMatchObject({ status: 401 })
  expect(opened.keySetRequests()).toBe(0)
})

test('verify() says 503 while keys cannot be had', async () => {
  const { url } = await deadAddress()
  const verifier = testVerifier({ ...remote, issuer: url })
  const unavailable = { code: 'VERIFIER_UNAVAILABLE', status: 503 }

  await expect(verifier.verify(tokenOf(key))).rejects.toMatchObject(unavailable)
  await expect(verifier.ready()).rejects.toMatchObject(unavailable)
})

test('verify() takes keys from a function, and asks it again for an unknown key', async () => {
  const next = es256Key('ec-2')
  const published = [key.jwk]
  const verifier = testVerifier({ keys: () => ({ keys: published }) })
  await verifier.verify(tokenOf(key))
  published.push(next.jwk)

  await expect(verifier.verify(tokenOf(next))).resolves.toMatchObject({ user_id: ada })
})

test('verify() refuses a token whose session was revoked a moment ago', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ issuer: opened.url, revocations: 'feed' })
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url }) })
  const listener = await opened.nextListener()
  await expect(verifier.verify(token)).resolves.toBeDefined()

  listener.send(revokedEvent('1', 0, 77))

  await expect.poll(() => verifier.status().revocations?.cursor).toBe('1')
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_REVOKED', status: 401 })
})

test.each([
  ['reject', 5_000],
  ['accept', 5_000],
  ['introspect', 1_000],
] as const)(
  'verify() waits for the first load of the lists, with onStale "%s" for %i ms',
  async (onStale, patience) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    endings.push(() => vi.useRealTimers())
    const { url } = await deadAddress()
    const verifier = testVerifier({ issuer: url, revocations: 'feed', onStale, credential })
    let isAnswered = false
    verifier
      .verify(tokenOf(key, { claims: claimsOf({ iss: url }) }))
      .catch(() => {})
      .finally(() => {
        isAnswered = true
      })

    await vi.advanceTimersByTimeAsync(patience - 1)
    expect(isAnswered).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    // Not a poll, which would move the clock on.
    await new Promise(setImmediate)
    expect(isAnswered).toBe(true)
  },
)

test('close() ends every connection to the issuer', async () => {
  const opened = await openIssuer()
  opened.revoke(0, 5)
  const keys = { keys: [opened.listKey.jwk] }
  const verifier = testVerifier({ issuer: opened.url, keys, revocations: 'feed' })
  await verifier.ready()
  expect(await opened.connections()).toBeGreaterThan(1)

  verifier.close()

  await expect.poll(() => opened.connections()).toBe(0)
})

/** Revocations that a test decides. */
const sourceOf = (changes: Partial<RevocationSource>): RevocationSource => ({ isRevoked: () => false, ...changes })

test('verify() calls an expired token expired, revoked or not', async () => {
  const verifier = testVerifier({ revocations: sourceOf({ isRevoked: () => true }) })

  await expect(verifier.verify(tokenOf(key, { claims: claimsOf({ exp: startOfTime }) }))).rejects.toMatchObject({
    code: 'AUTH_EXPIRED',
  })
  await expect(verifier.verify(tokenOf(key))).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('verify() asks by list and index and passes on that the source is stale', async () => {
  const asked: TokenStatus[] = []
  const isRevoked = (status: TokenStatus) => asked.push(status) > 1
  const stale = async () => Promise.reject(new TokenError('REVOCATIONS_STALE'))

  await testVerifier({ revocations: sourceOf({ isRevoked }) }).verify(tokenOf(key))
  expect(asked).toEqual([{ uri: `${issuer}/.well-known/status-lists/0`, index: 77 }])

  const verifier = testVerifier({ revocations: sourceOf({ assertFresh: stale }) })
  await expect(verifier.verify(tokenOf(key))).rejects.toMatchObject({ code: 'REVOCATIONS_STALE', status: 503 })
  await expect(verifier.ready()).rejects.toMatchObject({ code: 'REVOCATIONS_STALE' })
})

test('verify() asks by the same list and index again for a token that it remembers', async () => {
  const asked: TokenStatus[] = []
  const isRevoked = (status: TokenStatus) => asked.push(status) < 0
  const verifier = testVerifier({ revocations: sourceOf({ isRevoked }) })
  const places = [0, 1, 0].map((list, index) => ({ index, uri: `${issuer}/.well-known/status-lists/${list}` }))
  const tokens = places.map(({ index: idx, uri }) =>
    tokenOf(key, { claims: claimsOf({ status: { status_list: { idx, uri } } }) }),
  )

  for (const token of [...tokens, ...tokens]) await verifier.verify(token)

  expect(asked).toEqual([...places, ...places])
  expect(verifier.status().cache).toEqual({ size: 3, hits: 3, misses: 3 })
})

test.each([
  ['refuses', true],
  ['takes', false],
])('verify() %s by a source that must be waited for each time', async (_, isRevoked) => {
  const verifier = testVerifier({ revocations: sourceOf({ assertFresh: async () => {}, isRevoked: () => isRevoked }) })
  const token = tokenOf(key)
  const verdict = () => verifier.verify(token).catch(({ code }) => code)

  const verdicts = [await verdict(), await verdict()]

  const taken = expect.objectContaining({ user_id: ada })
  expect(verdicts).toEqual(Array(2).fill(isRevoked ? 'AUTH_REVOKED' : taken))
  expect(verifier.status().cache.size).toBe(isRevoked ? 0 : 1)
})

test('ready() waits for nothing where a source tells at once', async () => {
  await expect(testVerifier({ revocations: sourceOf({}) }).ready()).resolves.toBeUndefined()
})

test('verify() refuses a token that names no bit where revocations count', async () => {
  const audience = 'https://api.example.com'
  const claims = {
    iss: issuer,
    sub: 'u',
    aud: audience,
    client_id: 'c',
    jti: 'j',
    iat: startOfTime,
    exp: startOfTime + 9,
  }
  const options = { audience, profile: 'rfc9068' } as const
  const token = tokenOf(key, { claims })

  await expect(testVerifier(options).verify(token)).resolves.toMatchObject({ user_id: 'u' })
  await expect(testVerifier({ ...options, revocations: sourceOf({}) }).verify(token)).rejects.toMatchObject({
    code: 'AUTH_INVALID_CLAIMS',
  })
})

test.each([
  undefined,
  null,
  'x',
  {},
  { status_list: null },
  { status_list: { idx: 1 } },
  { status_list: { uri: 'x' } },
  { status_list: { idx: '1', uri: 'x' } },
  { status_list: { idx: -1, uri: 'x' } },
  { status_list: { idx: 0.5, uri: 'x' } },
])('verify() refuses a token whose status is %j where revocations count', async (status) => {
  const verifier = testVerifier({ revocations: sourceOf({}) })

  const verification = verifier.verify(tokenOf(key, { claims: claimsOf({ status }) }))

  await expect(verification).rejects.toMatchObject({ code: 'AUTH_INVALID_CLAIMS' })
})

/** A verifier of Ada's token, on a clock moved by hand. */
function rememberingVerifier(options: Partial<VerifierOptions> = {}) {
  const clock = { seconds: startOfTime }
  const verifier = testVerifier({ now: () => clock.seconds * 1_000, ...options })
  return { clock, verifier }
}

test('verifyNow() gives the claims of a token that was verified before, without verifying it again', () => {
  const { verifier } = rememberingVerifier()
  const token = tokenOf(key)
  const first = verifier.verifyNow(token)

  const again = verifier.verifyNow(`${token}`)

  expect(again).toBe(first)
  expect(verifier.status().cache).toEqual({ size: 1, hits: 1, misses: 1 })
})

test('verifyNow() refuses a token that it remembers from the instant when it expires', () => {
  const { verifier, clock } = rememberingVerifier({ clockToleranceSeconds: 5 })
  const token = tokenOf(key, { claims: claimsOf({ exp: startOfTime + 60 }) })
  verifier.verifyNow(token)

  clock.seconds += 64.999
  expect(verifier.verifyNow(token)).toBeDefined()
  clock.seconds += 0.001
  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})

test('verifyNow() remembers a token for as long as it passes: a minute before its iat, and the tolerance after its exp', () => {
  const { verifier, clock } = rememberingVerifier({ clockToleranceSeconds: 5 })
  const token = tokenOf(key, { claims: claimsOf({ iat: startOfTime + 60, exp: startOfTime + 70 }) })
  verifier.verifyNow(token)

  verifier.verifyNow(token)
  clock.seconds += 74.999
  verifier.verifyNow(token)

  expect(verifier.status().cache).toEqual({ size: 1, hits: 2, misses: 1 })
})

test.each([{ iat: startOfTime }, { nbf: startOfTime }])(
  'verifyNow() refuses a token that it remembers when the clock is set back before %j',
  (changes) => {
    const { verifier, clock } = rememberingVerifier()
    const token = tokenOf(key, { claims: claimsOf({ ...changes }) })
    verifier.verifyNow(token)

    clock.seconds -= 61

    expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_INVALID' }))
  },
)

test('verifyNow() refuses a token that it remembers once its session is revoked', () => {
  const revoked = new Set<number>()
  const { verifier } = rememberingVerifier({ revocations: sourceOf({ isRevoked: ({ index }) => revoked.has(index) }) })
  const token = tokenOf(key)
  verifier.verifyNow(token)

  revoked.add(77)

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_REVOKED' }))
})

test.each([
  ['a tenth of a second later', 0.125],
  ['when the clock is set back', -0.001],
])('verifyNow() refuses a token that it remembers once its key is gone, %s', async (_, seconds) => {
  const published = [key.jwk]
  const { verifier, clock } = rememberingVerifier({ keys: () => ({ keys: [...published] }) })
  const token = tokenOf(key)
  for (const one of [token, token]) await verifier.verify(one)
  published[0] = es256Key('ec-2').jwk
  await expect(verifier.verify(tokenOf(es256Key('ec-3')))).rejects.toMatchObject({ code: 'AUTH_INVALID' })

  clock.seconds += seconds

  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test('verifyNow() reads a clock that is moved by hand for every token, however many come in one turn', () => {
  const { verifier, clock } = rememberingVerifier()
  const token = tokenOf(key, { claims: claimsOf({ exp: startOfTime + 60 }) })
  for (let count = 0; count < 100; count += 1) verifier.verifyNow(token)

  clock.seconds += 60

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'AUTH_EXPIRED' }))
})

test('verifyNow() refuses a token that it remembers as soon as the verifier is closed', async () => {
  const opened = await openIssuer(key.jwk)
  const { verifier } = rememberingVerifier({ ...remote, issuer: opened.url, revocations: 'feed' })
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url }) })
  await verifier.verify(token)
  const [known, again] = [verifier.verifyNow(token), verifier.verifyNow(token)]

  verifier.close()

  expect(known).toBe(again)
  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'REVOCATIONS_STALE' }))
})

test('verifyNow() takes what it remembers for no moment longer than the feed is fresh', async () => {
  const opened = await openIssuer(key.jwk)
  const feed = { ...remote, issuer: opened.url, revocations: 'feed', maxStalenessSeconds: 60 } as const
  const { verifier, clock } = rememberingVerifier(feed)
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url }) })
  await verifier.verify(token)
  clock.seconds += 30
  // How long the load took on a busy machine counts too.
  const { lagMilliseconds = 0 } = verifier.status().revocations ?? {}
  clock.seconds += 59.95 - lagMilliseconds / 1_000

  const known = verifier.verifyNow(token)
  clock.seconds += 0.06

  expect(known).toBeDefined()
  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'REVOCATIONS_STALE' }))
})

test('verifyNow() refuses a remembered token of a list that is over, and finds the others where they moved', async () => {
  const opened = await openIssuer(key.jwk)
  for (const list of [0, 1]) opened.revoke(list, 5)
  const verifier = testVerifier({ ...remote, issuer: opened.url, revocations: 'feed' })
  const [first, second, third] = [0, 1, 1].map((list, at) => {
    const status = { status_list: { idx: at === 2 ? 11 : 9, uri: opened.uriOf(list) } }
    return tokenOf(key, { claims: claimsOf({ iss: opened.url, status }) })
  })
  const listener = await opened.nextListener()
  for (const token of [first, second, third]) await verifier.verify(String(token))
  expect(verifier.status().cache.size).toBe(3)
  opened.drop(0)

  listener.send(resetEvent('2'))
  const next = await opened.nextListener()
  next.send(revokedEvent('3', 1, 8))
  await expect.poll(() => verifier.status().revocations?.cursor).toBe('3')

  expect(() => verifier.verifyNow(String(first))).toThrow(expect.objectContaining({ code: 'AUTH_REVOKED' }))
  expect(verifier.verifyNow(String(second))).toBeDefined()
  expect(verifier.verifyNow(String(second))).toBe(verifier.verifyNow(String(second)))
  expect(verifier.verifyNow(String(third))).toBeDefined()
  next.send(revokedEvent('4', 1, 9))
  await expect.poll(() => verifier.status().revocations?.cursor).toBe('4')
  expect(() => verifier.verifyNow(String(second))).toThrow(expect.objectContaining({ code: 'AUTH_REVOKED' }))
})

test('verifyNow() refuses a token that it remembers while the source is stale', () => {
  let isStale = false
  const assertFresh = () => {
    if (isStale) throw new TokenError('REVOCATIONS_STALE')
  }
  const { verifier } = rememberingVerifier({ revocations: sourceOf({ assertFresh }) })
  const token = tokenOf(key)
  verifier.verifyNow(token)

  isStale = true

  expect(() => verifier.verifyNow(token)).toThrow(expect.objectContaining({ code: 'REVOCATIONS_STALE' }))
})

test('verify() refuses a token that it remembers when its key is gone from the set', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ ...remote, issuer: opened.url })
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url }) })
  const next = es256Key('ec-2')
  await verifier.verify(token)
  opened.publish([next.jwk])

  await verifier.verify(tokenOf(next, { claims: claimsOf({ iss: opened.url }) }))

  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
  expect(verifier.status().cache.size).toBe(1)
})

test.each([
  ['expired', { claims: claimsOf({ exp: startOfTime }) }],
  ['by another key', { header: { kid: 'other' } }],
])('verify() remembers nothing of a token that is %s', async (_, parts) => {
  const { verifier } = rememberingVerifier()

  await expect(verifier.verify(tokenOf(key, parts))).rejects.toBeInstanceOf(TokenError)

  expect(verifier.status().cache).toEqual({ size: 0, hits: 0, misses: 0 })
})

test('verify() does not take a token for another that differs in its last character', async () => {
  const { verifier } = rememberingVerifier()
  const token = tokenOf(key)
  await verifier.verify(token)

  const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`

  await expect(verifier.verify(other)).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})

test('verifyNow() leaves to verify() what must be waited for, and verify() does it', async () => {
  const opened = await openIssuer(key.jwk)
  const verifier = testVerifier({ issuer: opened.url, keys: undefined, revocations: 'feed' })
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url }) })

  expect(verifier.verifyNow(token)).toBeUndefined()

  await expect(verifier.verify(token)).resolves.toMatchObject({ user_id: ada })
  expect(verifier.verifyNow(token)).toMatchObject({ user_id: ada })
})

test('verify() remembers no token where it was told to remember none', async () => {
  const { verifier } = rememberingVerifier({ cacheSize: 0 })
  const token = tokenOf(key)

  await verifier.verify(token)
  await verifier.verify(token)

  expect(verifier.status().cache).toEqual({ size: 0, hits: 0, misses: 2 })
})

const wrongOptions: [string, object][] = [
  ['there is no option "audeince"', { audeince: 'x' }],
  ['issuer must be', { issuer: undefined }],
  ['issuer must be', { issuer: 'auth.example.com' }],
  ['issuer must be', { issuer: 'ftp://auth.example.com' }],
  ['issuer must be', { issuer: new URL(issuer) }],
  ['issuer must be', { issuer: 'https://auth.example.com?x' }],
  ['issuer must be', { issuer: 'https://auth.example.com/#x' }],
  ['issuer must be', { issuer: 'https://user@auth.example.com' }],
  ['issuer must be', { issuer: ' https://auth.example.com' }],
  ['secret must have at least 32 bytes: it has 31', { secret: 'x'.repeat(31) }],
  ['secret must be text or bytes', { secret: 42 }],
  ['secret and keys cannot both be given', { secret, keys: { keys: [] } }],
  ['keys must be', { keys: [] }],
  ['keys must be', { keys: 'x' }],
  ['keys must be', { keys: null }],
  ['algorithms without a secret', { algorithms: ['HS256'] }],
  ['algorithms without a secret', { algorithms: ['ES256', 'HS256'] }],
  ['algorithms without a secret', { algorithms: [] }],
  ['algorithms without a secret', { algorithms: 'ES256' }],
  ['algorithms without a secret must be of ES256, EdDSA, RS256: they are ["none"]', { algorithms: ['none'] }],
  ['algorithms with a secret', { secret, algorithms: ['ES256'] }],
  ['algorithms with a secret', { secret, algorithms: ['HS256', 'ES256'] }],
  ['audience must be', { audience: '' }],
  ['audience must be', { audience: ['x'] }],
  ['profile must be', { profile: 'oidc' }],
  ['clockToleranceSeconds must be', { clockToleranceSeconds: '0' as never }],
  ['maxStalenessSeconds must be', { maxStalenessSeconds: '30' as never }],
  ['clockToleranceSeconds must be', { clockToleranceSeconds: -1 }],
  ['clockToleranceSeconds must be', { clockToleranceSeconds: 301 }],
  ['clockToleranceSeconds must be', { clockToleranceSeconds: Number.NaN }],
  ['maxStalenessSeconds must be', { maxStalenessSeconds: 0 }],
  ['maxStalenessSeconds must be', { maxStalenessSeconds: 86_401 }],
  ['maxStalenessSeconds must be', { maxStalenessSeconds: Number.POSITIVE_INFINITY }],
  ['onStale must be', { onStale: 'ignore' }],
  ['onStale "introspect" needs a credential', { onStale: 'introspect', revocations: 'feed' }],
  ['onStale "introspect" needs a credential', { onStale: 'introspect', credential, revocations: 'off' }],
  [
    'onStale "introspect" needs a credential',
    { onStale: 'introspect', credential, revocations: { isRevoked: () => false } },
  ],
  ['credential must be', { credential: '' }],
  ['credential must be', { credential: 42 }],
  ['credential must be', { credential: `${credential}\n` }],
  ['credential must be', { credential: `${credential} x` }],
  ['credential is taken only with', { credential, issuer: 'http://auth.example.com' }],
  ['credential is taken only with', { credential, issuer: 'http://localhost.example.com' }],
  ['credential is taken only with', { credential, issuer: 'http://127.example.com' }],
  ['cacheSize must be', { cacheSize: -1 }],
  ['cacheSize must be', { cacheSize: 1.5 }],
  ['cacheSize must be', { cacheSize: 1_000_001 }],
  ['revocations must be', { revocations: 'on' }],
  ['revocations must be', { revocations: {} }],
  ['revocations must be', { revocations: null }],
  ['now must be', { now: 5 }],
]

test.each(wrongOptions)('createVerifier() refuses to start: %s, %j', (problem, options) => {
  const create = () => createVerifier({ issuer, revocations: 'off', ...options } as VerifierOptions)

  expect(create).toThrow(TypeError)
  expect(create).toThrow(`Cannot create a verifier: ${problem}`)
})

test.each<[shown: string, options: unknown]>([
  ['it is undefined', undefined],
  ['it is null', null],
  ['it is "x"', 'x'],
  ['it is "oidc"', { issuer, profile: 'oidc' }],
  ['it is ["x"]', { issuer, audience: ['x'] }],
  ['it is 5', { issuer, now: 5 }],
  ['it is an object', { issuer, revocations: {} }],
  ['they are ["none"]', { issuer, algorithms: ['none'] }],
])('createVerifier() says what is in place of what it takes: %s', (shown, options) => {
  const create = () => createVerifier(options as VerifierOptions)

  expect(create).toThrow(TypeError)
  expect(create).toThrow(`: ${shown}`)
})

test.each<Partial<VerifierOptions>>([
  { clockToleranceSeconds: 300 },
  { maxStalenessSeconds: 0.1 },
  { maxStalenessSeconds: 86_400 },
  { cacheSize: 1_000_000 },
  { onStale: 'accept' },
  { onStale: 'introspect', credential, revocations: 'feed' },
  { keys: undefined, secret: Buffer.alloc(32) },
  { keys: undefined, secret, algorithms: ['HS256'] },
])('createVerifier() takes %j', (options) => {
  expect(() => testVerifier(options)).not.toThrow()
})

test('createVerifier() does not show a secret that is too short', () => {
  expect(() => createVerifier({ issuer, secret: 'hunter2' })).toThrow(/^(?!.*hunter2)/)
})

test.each([
  ['is ill-formed', { credential: 'hunter2 x' }],
  ['is for an issuer over plain HTTP', { credential: 'hunter2', issuer: 'http://auth.example.com' }],
])('createVerifier() does not show a credential that %s', (_, options) => {
  expect(() => createVerifier({ issuer, ...options })).toThrow(/^(?!.*hunter2)/)
})

test.each(['https://auth.example.com', 'http://localhost:8000', 'http://127.0.0.1:8000', 'http://[::1]:8000'])(
  'createVerifier() takes a credential for the issuer %s',
  (name) => {
    expect(() => testVerifier({ issuer: name, credential })).not.toThrow()
  },
)

test('createVerifier() shows its credential to the stream alone', async () => {
  const opened = await openIssuer()
  const verifier = testVerifier({ issuer: opened.url, keys: undefined, revocations: 'feed', credential })

  await verifier.ready()
  await opened.nextListener()

  expect(opened.authorizations()).toEqual({ '/api/auth/revocations': `Bearer ${credential}` })
})

test('ready() gives the stream a quarter of a second to speak, once', async () => {
  const opened = await openIssuer()
  const verifier = testVerifier({ issuer: opened.url, keys: undefined, revocations: 'feed' })
  const startedAt = performance.now()

  await verifier.ready()

  expect(performance.now() - startedAt).toBeGreaterThan(200)
  expect(verifier.status().revocations).toMatchObject({ state: 'fresh', problem: 'not connected yet' })
  const immediately = new Promise((resolve) => setImmediate(() => resolve('later')))
  await expect(Promise.race([verifier.ready().then(() => 'at once'), immediately])).resolves.toBe('at once')
})

test('createVerifier() without a credential shows none', async () => {
  const opened = await openIssuer()
  const verifier = testVerifier({ issuer: opened.url, keys: undefined, revocations: 'feed' })

  await verifier.ready()
  await opened.nextListener()

  expect(opened.authorizations()).toEqual({})
})

test('createVerifier() counts a secret in bytes', () => {
  expect(() => testVerifier({ secret: 'é'.repeat(16) })).not.toThrow()
})

/** Runs a module that makes a verifier of this issuer, in a process of its own. */
function runAlone(url: string, then: string) {
  const source = new URL('./verifier.ts', import.meta.url)
  const script = `import { createVerifier } from '${source}'
    const verifier = createVerifier({ issuer: '${url}' })
    ${then}`
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000 })
}

test('createVerifier() does not keep the process alive, with an issuer or without', async () => {
  const opened = await openIssuer()
  const { url } = await deadAddress()
  const listening = `await verifier.ready(); console.log('ready')`
  const alone = runAlone(opened.url, listening)

  await expect(alone).resolves.toMatchObject({ stdout: 'ready\n' })
  await expect(runAlone(url, 'setTimeout(() => {}, 300)')).resolves.toMatchObject({ stdout: '' })
})
