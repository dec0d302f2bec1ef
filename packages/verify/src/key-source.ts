import type { Algorithm, KeyRing } from './keys.ts'
import { readKeySet } from './keys.ts'
import { TokenError } from './token-error.ts'

/** Where a verifier gets its keys. */
export interface KeySource {
  /** The keys to use now. @throws {TokenError} VERIFIER_UNAVAILABLE, when none could be had yet */
  get(): KeyRing | Promise<KeyRing>
  /** The keys at hand, if they can be used without asking. */
  atHand(): KeyRing | undefined
  /** Keys newer than these, for a token whose key is not among them; undefined when there are none. */
  getNewer(seen: KeyRing): Promise<KeyRing | undefined>
  /** How many keys are at hand; undefined before the first were had. */
  count(): number | undefined
}

export interface LoadedKeySet {
  readonly set: unknown
  /** How long the set may be used without asking again. */
  readonly maxAgeSeconds: number
}

interface Options {
  load: () => Promise<LoadedKeySet>
  allowed: readonly Algorithm[]
  /** A clock in milliseconds that is never set back. */
  elapsed?: () => number
}

/** How long tokens with unknown keys cannot cause another load: they come from strangers too. */
const unknownKeyCoolDownMilliseconds = 5_000

/** How long a failed load is not tried again. */
const retryAfterMilliseconds = 1_000

/** The default lifetime of an access token: what was signed when the keys were last seen has died by then. */
const maxAgeWithoutAnswerMilliseconds = 24 * 60 * 60 * 1_000

/** Keys that never change. */
export function fixedKeys(ring: KeyRing): KeySource {
  return { get: () => ring, atHand: () => ring, getNewer: async () => undefined, count: () => ring.size }
}

/**
 * Keys that are loaded when first needed, again when they are too old, and again for a key nobody knows.
 *
 * One load at a time. A set that cannot be loaded leaves the old keys in use for up to 24 hours; requests wait for
 * the first failure only. Unknown keys cause a load at most every 5 seconds.
 */
export function loadedKeys({ load, allowed, elapsed = () => performance.now() }: Options): KeySource {
  let ring: KeyRing | undefined
  let ringText = ''
  let loadedAt = 0
  let maxAgeMilliseconds = 0
  let failedAt = Number.NEGATIVE_INFINITY
  let hasFailed = false
  let unknownKeyAt = Number.NEGATIVE_INFINITY
  let flight: Promise<void> | undefined

  async function loadNow(): Promise<void> {
    try {
      const loaded = await load()
      // The same keys stay the same ring: what was verified by them need not be verified again.
      const text = JSON.stringify(loaded.set)
      if (!ring || text !== ringText) ring = readLoaded(loaded.set, allowed)
      ringText = text
      loadedAt = elapsed()
      maxAgeMilliseconds = loaded.maxAgeSeconds * 1_000
      hasFailed = false
    } catch (cause) {
      hasFailed = true
      failedAt = elapsed()
      throw new TokenError('VERIFIER_UNAVAILABLE', { cause })
    }
  }

  function refresh(): Promise<void> {
    flight ??= loadNow().finally(() => {
      flight = undefined
    })
    return flight
  }

  function mayRetry(): boolean {
    return !hasFailed || elapsed() - failedAt >= retryAfterMilliseconds
  }

  async function getFirst(): Promise<KeyRing> {
    if (!flight && !mayRetry()) throw new TokenError('VERIFIER_UNAVAILABLE')
    await refresh()
    if (!ring) throw new TokenError('VERIFIER_UNAVAILABLE')
    return ring
  }

  async function getAgain(old: KeyRing): Promise<KeyRing> {
    const attempt = mayRetry() ? refresh().catch(keepOld) : undefined
    if (!hasFailed) await attempt
    return ring ?? old
  }

  return {
    get() {
      const age = elapsed() - loadedAt
      if (!ring || age >= maxAgeWithoutAnswerMilliseconds) return getFirst()
      return age < maxAgeMilliseconds ? ring : getAgain(ring)
    },

    atHand() {
      const age = elapsed() - loadedAt
      if (age < maxAgeMilliseconds) return ring
      if (!ring || !hasFailed || age >= maxAgeWithoutAnswerMilliseconds) return undefined
      if (mayRetry()) refresh().catch(keepOld)
      return ring
    },

    async getNewer(seen) {
      if (!flight && ring === seen) {
        if (elapsed() - unknownKeyAt < unknownKeyCoolDownMilliseconds) return undefined
        unknownKeyAt = elapsed()
      }
      if (ring === seen) await refresh().catch(keepOld)
      return ring === seen ? undefined : ring
    },

    count: () => ring?.size,
  }
}

function readLoaded(set: unknown, allowed: readonly Algorithm[]): KeyRing {
  const isKeySet = typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys)
  if (!isKeySet) throw new Error('Cannot read the key set: it has no list of keys')
  return readKeySet(set, allowed)
}

/** The failure is remembered; until a load succeeds the keys at hand are the best there are. */
function keepOld(): void {}
