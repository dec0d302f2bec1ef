import { type AccessClaims, checkClaims, validityOf } from './claims.ts'
import { type CompactToken, readCompactToken, readJsonObject } from './compact-token.ts'
import { fixedKeys, type KeySource, loadedKeys } from './key-source.ts'
import { type KeyRing, readKeySet, readSecret, type VerificationKey } from './keys.ts'
import { fetchKeySet } from './remote-keys.ts'
import { followRevocations, type RevocationSource, type RevocationStatus } from './revocation-feed.ts'
import { signatureMatches } from './signature.ts'
import { tokenCache } from './token-cache.ts'
import { TokenError } from './token-error.ts'
import { readTokenStatus, type TokenStatus } from './token-status.ts'
import { readOptions, type VerifierOptions, type VerifierSettings } from './verifier-options.ts'

export interface Verifier {
  readonly issuer: string
  /**
   * Turns a token into its claims, or rejects with a `TokenError`.
   *
   * Checked: form, type, algorithm, signature, claims, issuer, audience, time, and that the session is not revoked as
   * far as the issuer has told. NOT checked: whether the user may do what the request asks, and whether the account
   * still exists.
   *
   * @throws {TokenError} AUTH_INVALID, AUTH_INVALID_CLAIMS, AUTH_EXPIRED, AUTH_REVOKED, VERIFIER_UNAVAILABLE,
   *   REVOCATIONS_STALE
   */
  verify(token: string): Promise<AccessClaims>
  /**
   * The same at once, and the fastest way: throws where `verify` would reject. `undefined` says nothing of the token,
   * but that something must be waited for: ask `verify`.
   *
   * @throws {TokenError} as `verify`
   */
  verifyNow(token: string): AccessClaims | undefined
  /**
   * Resolves when keys and revocations are at hand. For a readiness probe; `verify` waits by itself.
   *
   * @throws {TokenError} VERIFIER_UNAVAILABLE, REVOCATIONS_STALE
   */
  ready(): Promise<void>
  status(): VerifierStatus
  /** Stops following revocations. After this, tokens are refused where revocations were followed. */
  close(): void
}

export interface VerifierStatus {
  /** How many keys can be used; undefined before the first were had. */
  readonly keys: number | undefined
  /** The state of the feed; undefined when revocations are off or come from a source of one's own. */
  readonly revocations: RevocationStatus | undefined
  /** The remembered tokens: how many there are, and how often one was met again or for the first time. */
  readonly cache: { readonly size: number; readonly hits: number; readonly misses: number }
}

/** What the server gives without a hint of its own how long its keys last. */
const suppliedKeysMaxAgeSeconds = 5 * 60

/** A token that was verified by these keys. It passes again between two instants, unless it was revoked. */
interface VerifiedToken {
  readonly claims: AccessClaims
  readonly ring: KeyRing
  /** Unix milliseconds. */
  readonly from: number
  readonly until: number
  /** Undefined where revocations are off. */
  readonly status: TokenStatus | undefined
}

/**
 * Makes a verifier of the access tokens of one issuer.
 *
 * It starts to follow the issuer's revocations at once and fetches keys when they are first needed. It never keeps
 * the process alive. A wrong or unknown option throws here, not at the first token.
 *
 * @throws {TypeError} which names the option
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const settings = readOptions(options)
  const { now } = settings
  const keys = openKeys(settings)
  const feed = openFeed(settings, keys)
  const revocations = feed ?? sourceOf(settings)
  const cache = tokenCache<VerifiedToken>(settings.cacheSize)
  const listAddresses = new Map<string, string>()
  let cachedBy: KeyRing | undefined
  let hits = 0
  let misses = 0

  function verifyNow(token: string): AccessClaims | undefined {
    const known = cache.get(token)
    if (known === undefined || !isStillValid(known)) return verifyAfresh(token)
    hits += 1
    return admitNow(known)
  }

  function isStillValid({ ring, from, until }: VerifiedToken): boolean {
    const instant = now()
    return instant < until && instant >= from && keys.atHand() === ring
  }

  /** Undefined where the revocations must be waited for. */
  function admitNow({ claims, status }: VerifiedToken): AccessClaims | undefined {
    if (status === undefined || revocations === undefined) return claims
    const wait = revocations.assertFresh?.()
    if (wait !== undefined) {
      // `verify` will ask again, and hear of it then.
      wait.catch(() => {})
      return undefined
    }
    if (revocations.isRevoked(status)) throw new TokenError('AUTH_REVOKED')
    return claims
  }

  function verifyAfresh(token: string): AccessClaims | undefined {
    const parts = readCompactToken(token)
    assertAllowed(parts, settings)
    const ring = keys.atHand()
    const key = ring?.find(parts.algorithm, parts.keyId)
    if (!ring || !key) return undefined

    const verified = verifyByKey(parts, key, ring)
    const claims = admitNow(verified)
    if (claims !== undefined) remember(token, verified)
    return claims
  }

  function verifyByKey(parts: CompactToken, key: VerificationKey, ring: KeyRing): VerifiedToken {
    const claims = verifyWithKey(parts, key, settings)
    const status = revocations && shared(readTokenStatus(claims))
    return { claims, ring, status, ...validityOf(claims, settings.rules) }
  }

  /** Few lists have many tokens: one text for the address of each is found faster, and takes less. */
  function shared({ uri, index }: TokenStatus): TokenStatus {
    const known = listAddresses.get(uri)
    if (known === undefined && listAddresses.size < maxSharedAddresses) listAddresses.set(uri, uri)
    return { uri: known ?? uri, index }
  }

  function remember(token: string, verified: VerifiedToken): void {
    if (verified.ring !== cachedBy) cache.clear()
    cachedBy = verified.ring
    misses += 1
    cache.set(token, verified)
  }

  async function verify(token: string): Promise<AccessClaims> {
    return verifyNow(token) ?? verifyWaiting(token)
  }

  async function verifyWaiting(token: string): Promise<AccessClaims> {
    await keys.get()
    const claims = verifyNow(token)
    if (claims !== undefined) return claims

    const parts = readCompactToken(token)
    const { key, ring } = await findKey(parts, keys, settings)
    const verified = verifyByKey(parts, key, ring)
    await revocations?.assertFresh?.()
    if (verified.status && revocations?.isRevoked(verified.status)) throw new TokenError('AUTH_REVOKED')
    remember(token, verified)
    return verified.claims
  }

  async function ready(): Promise<void> {
    await keys.get()
    await revocations?.assertFresh?.()
  }

  return {
    issuer: settings.rules.issuer,
    verify,
    verifyNow,
    ready,
    status: () => ({
      keys: keys.count(),
      revocations: feed?.status(),
      cache: { size: cache.size(), hits, misses },
    }),
    close: () => revocations?.close?.(),
  }
}

/** Many times what an installation has in use. */
const maxSharedAddresses = 16_384

/** The part of a verification that needs nothing but the token, the key and the time. */
function verifyWithKey(
  { signedText, signature, payload }: CompactToken,
  key: VerificationKey,
  { rules, now }: VerifierSettings,
): AccessClaims {
  if (!signatureMatches(key, Buffer.from(signedText, 'latin1'), signature)) throw new TokenError('AUTH_INVALID')
  return checkClaims(readJsonObject(payload), rules, now() / 1_000)
}

function assertAllowed({ algorithm }: CompactToken, { algorithms }: VerifierSettings): void {
  if (!algorithms.some((allowed) => allowed === algorithm)) throw new TokenError('AUTH_INVALID')
}

async function findKey(
  parts: CompactToken,
  keys: KeySource,
  settings: VerifierSettings,
): Promise<{ key: VerificationKey; ring: KeyRing }> {
  // Before anything is fetched: a token must not cause a request by an algorithm that cannot pass.
  assertAllowed(parts, settings)
  const { algorithm, keyId } = parts
  const ring = await keys.get()
  const known = ring.find(algorithm, keyId)
  if (known) return { key: known, ring }

  const newer = await keys.getNewer(ring)
  const key = newer?.find(algorithm, keyId)
  if (!newer || !key) throw new TokenError('AUTH_INVALID')
  return { key, ring: newer }
}

function openKeys({ keys, algorithms, rules }: VerifierSettings): KeySource {
  if (keys instanceof Uint8Array) return fixedKeys(readSecret(keys))
  if (typeof keys === 'function') {
    const load = async () => ({ set: await keys(), maxAgeSeconds: suppliedKeysMaxAgeSeconds })
    return loadedKeys({ load, allowed: algorithms })
  }
  if (keys) return fixedKeys(readKeySet(keys, algorithms))
  const url = `${rules.issuer.replace(/\/$/, '')}/.well-known/jwks.json`
  return loadedKeys({ load: () => fetchKeySet(url), allowed: algorithms })
}

function openFeed(settings: VerifierSettings, keys: KeySource) {
  const { revocations, rules, maxStalenessSeconds, onStale, now } = settings
  if (revocations !== 'feed') return undefined
  const findListKey = async (parts: CompactToken) => (await findKey(parts, keys, settings)).key
  return followRevocations({ issuer: rules.issuer, findKey: findListKey, maxStalenessSeconds, onStale, now })
}

function sourceOf({ revocations }: VerifierSettings): RevocationSource | undefined {
  return typeof revocations === 'object' ? revocations : undefined
}
