import type { Agent } from 'node:http'
import { type AccessClaims, checkClaims, validityOf } from './claims.ts'
import { accessTokens, type CompactToken, readCompactToken, readJsonObject, type TokenHeader } from './compact-token.ts'
import { type Discovery, discover, type Endpoints } from './discovery.ts'
import { keepAliveAgent } from './http-request.ts'
import { type Introspection, introspectAt } from './introspection.ts'
import { fixedKeys, type KeySource, loadedKeys } from './key-source.ts'
import { type KeyRing, readKeySet, readSecret, type VerificationKey } from './keys.ts'
import { listsAtOnce } from './list-loader.ts'
import { fetchKeySet } from './remote-keys.ts'
import {
  type FeedEndpoints,
  followRevocations,
  type RevocationFeed,
  type RevocationSource,
  type RevocationStatus,
} from './revocation-feed.ts'
import { signatureMatches } from './signature.ts'
import { isSetAt } from './status-bits.ts'
import { notKnown, tokenCache } from './token-cache.ts'
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
   * Resolves when keys and revocations are at hand. For a readiness probe; `verify` waits by itself. The first time it
   * also waits up to a quarter of a second for the stream, so that the next revocation is heard as it is told.
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

/** A token that was verified, and where its bit stands. */
interface VerifiedToken {
  readonly claims: AccessClaims
  /** Undefined where revocations are off. */
  readonly status: TokenStatus | undefined
}

/**
 * For how long time is asked of one clock alone. Whatever is allowed to last is checked by all clocks when it begins, and
 * it ends before any of that does; so a clock that is set back in between can prolong nothing by more than this.
 */
const leaseMilliseconds = 100

/** How long a request waits for the first load of the lists before the issuer is asked about its token instead. */
const introspectAfterMilliseconds = 1_000

/** How many remembered tokens are judged by one reading of the clock, if they come in one turn of the event loop. */
const tokensPerReading = 256

/** So many readings that give the same millisecond are a burst: to learn when its turn ends then costs less than they do. */
const readingsOfBurst = 32

/** Kept before anybody replaces it: a clock that tests move by hand is read for every token. */
const systemNow = Date.now

/**
 * Makes a verifier of the access tokens of one issuer.
 *
 * It starts to follow the issuer's revocations at once, and fetches keys with them; where nothing is followed, when they
 * are first needed. Both are found by the issuer's metadata (RFC 8414), which is asked for only where keys or revocations
 * come from there. It never keeps the process alive. A wrong or unknown option throws here, not at the first token.
 *
 * @throws {TypeError} which names the option
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const settings = readOptions(options)
  const { now } = settings
  const agent = keepAliveAgent(settings.rules.issuer, listsAtOnce)
  const discovery = discover({ issuer: settings.rules.issuer, agent })
  const keys = openKeys(settings, discovery)
  const feed = openFeed(settings, { keys, discovery, agent })
  const introspection = openIntrospection(settings, discovery)
  const revocations = feed ?? sourceOf(settings)
  const cache = tokenCache(settings.cacheSize)
  const knownHeaders = new Map<string, TokenHeader>()
  const kind = { ...accessTokens, knownHeaders }
  const begunAt = Math.floor(now() / 1_000)
  /** Where another source than the feed is asked: the lists that tokens name, and their numbers. */
  let uris: string[] = []
  let numbers = new Map<string, number>()
  let epoch = 0
  let cachedBy: KeyRing | undefined
  let seconds = 0
  let tokensLeft = 0
  let lastInstant = 0
  let readings = 0
  let isTurnWatched = false
  let mayRemember = false
  let leaseFrom = Number.POSITIVE_INFINITY
  let leaseUntil = Number.NEGATIVE_INFINITY
  let hits = 0
  let misses = 0

  function verifyNow(token: string): AccessClaims | undefined {
    const slot = cache.find(token)
    if (slot === notKnown) return verifyAfresh(token)

    if (tokensLeft === 0) readClock()
    tokensLeft -= 1
    if (!mayRemember || !cache.isWithin(slot, seconds)) return verifyAfresh(token)
    hits += 1
    if (feed === undefined) return admitKnown(slot)
    if (feed.store.epoch !== epoch) return verifyAfresh(token)
    if (isSetAt(feed.store, cache.place(slot))) throw new TokenError('AUTH_REVOKED')
    return cache.claims(slot)
  }

  /** Where no feed tells, but another source or none. */
  function admitKnown(slot: number): AccessClaims | undefined {
    const claims = cache.claims(slot)
    if (claims === undefined || revocations === undefined) return claims
    return admitNow({ claims, status: { uri: uris[cache.place(slot)] ?? '', index: cache.index(slot) } })
  }

  /**
   * Reading the clock costs more than all else that is asked of a known token, so one reading serves all that come in
   * the same turn of the event loop. Nothing new can be heard of revocations before the turn ends either.
   */
  function readClock(): void {
    const instant = now()
    seconds = instant / 1_000 - begunAt
    mayRemember = (instant < leaseUntil && instant >= leaseFrom) || renewLease(instant)
    tokensLeft = 1
    if (now !== systemNow) return
    if (isTurnWatched || isBurst(instant)) tokensLeft = tokensPerReading
  }

  function isBurst(instant: number): boolean {
    readings = instant === lastInstant ? readings + 1 : 1
    lastInstant = instant
    if (readings < readingsOfBurst) return false
    readings = 0
    isTurnWatched = true
    setImmediate(endTurn)
    return true
  }

  function endTurn(): void {
    isTurnWatched = false
    tokensLeft = 0
  }

  function endLease(): void {
    tokensLeft = 0
    leaseUntil = Number.NEGATIVE_INFINITY
  }

  /** Whether tokens may be judged by what is remembered of them: the keys are the same, and the lists fresh. */
  function renewLease(instant: number): boolean {
    if (cachedBy === undefined || keys.atHand() !== cachedBy) return false
    const milliseconds = Math.min(feed ? feed.freshMilliseconds() : leaseMilliseconds, leaseMilliseconds)
    leaseFrom = instant
    leaseUntil = instant + milliseconds
    return milliseconds > 0
  }

  /** Undefined where the revocations must be waited for. */
  function admitNow({ claims, status }: VerifiedToken): AccessClaims | undefined {
    if (revocations === undefined || status === undefined) return claims
    const wait = revocations.assertFresh?.()
    if (wait !== undefined) {
      // `verify` will ask again, and hear of it then.
      wait.catch(() => {})
      return undefined
    }
    if (revocations.isRevoked(status)) throw new TokenError('AUTH_REVOKED')
    return claims
  }

  /** Whether the issuer must be asked about each token, for what is known is too old. */
  function mustIntrospect(): boolean {
    return introspection !== undefined && feed?.freshMilliseconds() === 0
  }

  function verifyAfresh(token: string): AccessClaims | undefined {
    if (mustIntrospect()) return undefined
    const parts = readCompactToken(token, kind)
    assertAllowed(parts, settings)
    const ring = keys.atHand()
    const key = ring?.find(parts.algorithm, parts.keyId)
    if (!ring || !key) return undefined

    const verified = verifyByKey(parts, key)
    const claims = admitNow(verified)
    if (claims !== undefined) remember(token, verified, ring)
    return claims
  }

  function verifyByKey(parts: CompactToken, key: VerificationKey): VerifiedToken {
    const claims = verifyWithKey(parts, key, settings)
    noteHeader(parts)
    return { claims, status: revocations && readTokenStatus(claims) }
  }

  /** It was signed by the issuer, so it need not be read again. */
  function noteHeader({ headerText, algorithm, keyId }: CompactToken): void {
    if (knownHeaders.size >= maxKnownHeaders || knownHeaders.has(headerText)) return
    knownHeaders.set(headerText, { algorithm, keyId })
  }

  /** Seconds are counted from when the verifier began, so that they fit. */
  function remember(token: string, { claims, status }: VerifiedToken, ring: KeyRing): void {
    if (ring !== cachedBy || (feed && feed.store.epoch !== epoch)) forgetAll()
    cachedBy = ring
    epoch = feed?.store.epoch ?? 0
    misses += 1
    const { from, until } = validityOf(claims, settings.rules)
    cache.add(token, claims, {
      from: clamp(Math.ceil(from) - begunAt),
      until: clamp(Math.floor(until) - begunAt),
      place: status ? placeOf(status) : 0,
      index: status?.index ?? 0,
    })
  }

  function placeOf(status: TokenStatus): number {
    if (feed) return feed.positionOf(status)
    const known = numbers.get(status.uri)
    if (known !== undefined) return known
    const number = uris.push(status.uri) - 1
    numbers.set(status.uri, number)
    return number
  }

  function forgetAll(): void {
    cache.clear()
    uris = []
    numbers = new Map()
    endLease()
  }

  async function verify(token: string): Promise<AccessClaims> {
    return verifyNow(token) ?? verifyWaiting(token)
  }

  async function verifyWaiting(token: string): Promise<AccessClaims> {
    await keys.get()
    const claims = verifyNow(token)
    if (claims !== undefined) return claims

    const parts = readCompactToken(token, kind)
    const { key, ring } = await findKey(parts, keys, settings)
    const verified = verifyByKey(parts, key)
    const isFresh = await waitUntilFresh()
    if (verified.status && revocations?.isRevoked(verified.status)) throw new TokenError('AUTH_REVOKED')
    if (!isFresh) await introspection?.assertActive(token, verified.claims)
    remember(token, verified, ring)
    return verified.claims
  }

  /** False where the issuer is to be asked instead. */
  async function waitUntilFresh(): Promise<boolean> {
    try {
      await revocations?.assertFresh?.()
      return true
    } catch (error) {
      if (introspection === undefined) throw error
      return false
    }
  }

  async function ready(): Promise<void> {
    await keys.get()
    if (await waitUntilFresh()) await feed?.connected()
    else await introspection?.assertAnswered()
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
    close() {
      endLease()
      revocations?.close?.()
      introspection?.close()
      agent.destroy()
    },
  }
}

/** One for each key of an issuer; only headers of tokens that it signed are kept. */
const maxKnownHeaders = 64

/** Keeps what a 32-bit number holds: a token that would be good for longer is verified again after 68 years. */
function clamp(seconds: number): number {
  return Math.min(Math.max(seconds, -0x7fffffff), 0x7fffffff)
}

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

function openKeys({ keys, algorithms }: VerifierSettings, discovery: Discovery): KeySource {
  if (keys instanceof Uint8Array) return fixedKeys(readSecret(keys))
  if (typeof keys === 'function') {
    const load = async () => ({ set: await keys(), maxAgeSeconds: suppliedKeysMaxAgeSeconds })
    return loadedKeys({ load, allowed: algorithms })
  }
  if (keys) return fixedKeys(readKeySet(keys, algorithms))
  const load = async () => {
    const { keySet } = await whileAwake(discovery.find())
    if (keySet === undefined) throw new Error('Cannot fetch the key set: the metadata of the issuer names none')
    return fetchKeySet(keySet)
  }
  return loadedKeys({ load, allowed: algorithms })
}

/** Who needs keys waits for them: the process must live until they are there. */
function whileAwake<Value>(promise: Promise<Value>): Promise<Value> {
  const awake = setInterval(() => {}, 1_000)
  return promise.finally(() => clearInterval(awake))
}

function openFeed(
  settings: VerifierSettings,
  { keys, discovery, agent }: { keys: KeySource; discovery: Discovery; agent: Agent },
): RevocationFeed | undefined {
  const { revocations, rules, credential, maxStalenessSeconds, onStale, now } = settings
  if (revocations !== 'feed') return undefined
  return followRevocations({
    issuer: rules.issuer,
    agent,
    findEndpoints: async () => {
      const endpoints = feedEndpointsOf(await discovery.find())
      // The lists are signed: their keys are on the way while it is asked which lists there are.
      Promise.resolve(keys.get()).catch(() => {})
      return endpoints
    },
    credential,
    findKey: async (parts) => (await findKey(parts, keys, settings)).key,
    maxStalenessSeconds,
    onStale,
    now,
    ...(onStale === 'introspect' ? { patienceMilliseconds: introspectAfterMilliseconds } : {}),
  })
}

/** Without both there is no way to hear of revocations in time. */
function feedEndpointsOf({ statusLists, revocationStream }: Endpoints): FeedEndpoints {
  if (statusLists === undefined || revocationStream === undefined) {
    throw new Error('Cannot follow revocations: the metadata of the issuer names no status lists, or no stream')
  }
  return { statusLists, revocationStream }
}

function openIntrospection(settings: VerifierSettings, discovery: Discovery): Introspection | undefined {
  const { onStale, credential, rules, now } = settings
  if (onStale !== 'introspect' || credential === undefined) return undefined
  const endpoint = () => discovery.atHand()?.introspection
  return introspectAt({ issuer: rules.issuer, endpoint, credential, now })
}

function sourceOf({ revocations }: VerifierSettings): RevocationSource | undefined {
  return typeof revocations === 'object' ? revocations : undefined
}
