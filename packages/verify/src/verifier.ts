import { type AccessClaims, checkClaims } from './claims.ts'
import { type CompactToken, readCompactToken, readJsonObject } from './compact-token.ts'
import { fixedKeys, type KeySource, loadedKeys } from './key-source.ts'
import { readKeySet, readSecret, type VerificationKey } from './keys.ts'
import { fetchKeySet } from './remote-keys.ts'
import { followRevocations, type RevocationSource, type RevocationStatus } from './revocation-feed.ts'
import { signatureMatches } from './signature.ts'
import { TokenError } from './token-error.ts'
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
}

/** What the server gives without a hint of its own how long its keys last. */
const suppliedKeysMaxAgeSeconds = 5 * 60

/**
 * Makes a verifier of the access tokens of one issuer.
 *
 * It starts to follow the issuer's revocations at once and fetches keys when the first token comes. It never keeps
 * the process alive. A wrong or unknown option throws here, not at the first token.
 *
 * @throws {TypeError} which names the option
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const settings = readOptions(options)
  const keys = openKeys(settings)
  const feed = openFeed(settings)
  const revocations = feed ?? sourceOf(settings)

  async function verify(token: string): Promise<AccessClaims> {
    const parts = readCompactToken(token)
    const key = await findKey(parts, keys, settings)
    const claims = verifyWithKey(parts, key, settings)
    await assertNotRevoked(claims, revocations)
    return claims
  }

  async function ready(): Promise<void> {
    await keys.get()
    await revocations?.assertFresh?.()
  }

  return {
    issuer: settings.rules.issuer,
    verify,
    ready,
    status: () => ({ keys: keys.count(), revocations: feed?.status() }),
    close: () => revocations?.close?.(),
  }
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

async function findKey(
  { algorithm, keyId }: CompactToken,
  keys: KeySource,
  { algorithms }: VerifierSettings,
): Promise<VerificationKey> {
  // Before anything is fetched: a token must not cause a request by an algorithm that cannot pass.
  if (!algorithms.some((allowed) => allowed === algorithm)) throw new TokenError('AUTH_INVALID')
  const ring = await keys.get()
  const key = ring.find(algorithm, keyId) ?? (await keys.getNewer(ring))?.find(algorithm, keyId)
  if (!key) throw new TokenError('AUTH_INVALID')
  return key
}

/** A token without a session cannot be asked about, so where revocations count it is refused. */
async function assertNotRevoked({ sid }: AccessClaims, revocations: RevocationSource | undefined): Promise<void> {
  if (!revocations) return
  if (typeof sid !== 'string') throw new TokenError('AUTH_INVALID_CLAIMS')
  await revocations.assertFresh?.()
  if (revocations.isRevoked(sid)) throw new TokenError('AUTH_REVOKED')
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

function openFeed({ revocations, rules, maxStalenessSeconds, now }: VerifierSettings) {
  if (revocations !== 'feed') return undefined
  return followRevocations({ issuer: rules.issuer, maxStalenessSeconds, now })
}

function sourceOf({ revocations }: VerifierSettings): RevocationSource | undefined {
  return typeof revocations === 'object' ? revocations : undefined
}
