import type { ClaimRules, Profile } from './claims.ts'
import { type Algorithm, algorithms, type KeySet } from './keys.ts'
import type { RevocationSource } from './revocation-feed.ts'

export interface VerifierOptions {
  /**
   * Who issues the tokens: compared exactly with `iss`. Where keys and revocations are is what its metadata says
   * (RFC 8414).
   */
  issuer: string
  /**
   * What `latchkey apis add NAME` printed. Sent to the issuer alone, to open the stream of revocations and to introspect;
   * taken only where the issuer is https or on this machine.
   */
  credential?: string | undefined
  /** For shared-secret mode, HS256: at least 32 bytes (of UTF-8, when it is text). */
  secret?: string | Uint8Array | undefined
  /**
   * The public keys, or what gives them: asked again every 5 minutes and for an unknown key.
   * Without `secret` and `keys` they are fetched from the issuer's `jwks_uri`.
   */
  keys?: KeySet | (() => Promise<KeySet> | KeySet) | undefined
  /** Which algorithms count: ES256, EdDSA and RS256 by default; with a secret HS256 alone. */
  algorithms?: readonly Algorithm[] | undefined
  /** Who we are: must be in `aud`. Without it, a token that has an `aud` is refused. */
  audience?: string | undefined
  /** Which claims a token must have: ours by default, or those of RFC 9068 2.2. */
  profile?: Profile | undefined
  /** How long after `exp` a token still passes: 0 to 300, 0 by default. */
  clockToleranceSeconds?: number | undefined
  /** `feed` by default: follow the issuer's revocations. `off`: tokens live until `exp`, whatever happens. */
  revocations?: 'feed' | 'off' | RevocationSource | undefined
  /** How old the newest proof may be that no revocation is missing: 30 by default. */
  maxStalenessSeconds?: number | undefined
  /**
   * What happens to tokens beyond that: `reject` with 503 by default; `introspect`, ask the issuer about each one by the
   * credential (RFC 7662), and refuse with 503 where it does not answer; `accept` what is not known to be revoked.
   */
  onStale?: 'reject' | 'introspect' | 'accept' | undefined
  /**
   * How many verified tokens are remembered at least; up to twice as many can be. 50,000 by default, which take up to
   * 150 MB when they are all in use; 0 remembers none.
   */
  cacheSize?: number | undefined
  /** Unix milliseconds: the system's clock by default. */
  now?: (() => number) | undefined
}

/** The options, checked, with the defaults filled in. */
export interface VerifierSettings {
  readonly rules: ClaimRules
  readonly credential: string | undefined
  readonly algorithms: readonly Algorithm[]
  readonly keys: Uint8Array | KeySet | (() => Promise<KeySet> | KeySet) | undefined
  readonly revocations: 'feed' | 'off' | RevocationSource
  readonly maxStalenessSeconds: number
  readonly onStale: 'reject' | 'introspect' | 'accept'
  readonly cacheSize: number
  readonly now: () => number
}

const optionNames = new Set<string>([
  'issuer',
  'credential',
  'secret',
  'keys',
  'algorithms',
  'audience',
  'profile',
  'clockToleranceSeconds',
  'revocations',
  'maxStalenessSeconds',
  'onStale',
  'cacheSize',
  'now',
] satisfies (keyof VerifierOptions)[])

/** The output size of SHA-256 (RFC 7518 3.2). */
const minSecretBytes = 32

const publicKeyAlgorithms: readonly Algorithm[] = algorithms.filter((name) => name !== 'HS256')

/** @throws {TypeError} which names the option, what it must be and what it is; a secret is not shown */
export function readOptions(options: VerifierOptions): VerifierSettings {
  demand(typeof options === 'object' && options !== null, `options must be an object: it is ${shown(options)}`)
  const { audience, profile = 'latchkey', clockToleranceSeconds = 0, maxStalenessSeconds = 30 } = options
  const { now = Date.now, revocations = 'feed', onStale = 'reject', cacheSize = 50_000 } = options

  for (const name of Object.keys(options)) demand(optionNames.has(name), `there is no option "${name}"`)
  demand(
    audience === undefined || (typeof audience === 'string' && audience !== ''),
    `audience must be text that is not empty: it is ${shown(audience)}`,
  )
  demand(
    profile === 'latchkey' || profile === 'rfc9068',
    `profile must be "latchkey" or "rfc9068": it is ${shown(profile)}`,
  )
  demand(
    isNumber(clockToleranceSeconds) && clockToleranceSeconds >= 0 && clockToleranceSeconds <= 300,
    `clockToleranceSeconds must be a number from 0 to 300: it is ${shown(clockToleranceSeconds)}`,
  )
  demand(
    isNumber(maxStalenessSeconds) && maxStalenessSeconds > 0 && maxStalenessSeconds <= 86_400,
    `maxStalenessSeconds must be a number above 0 and up to 86400: it is ${shown(maxStalenessSeconds)}`,
  )
  demand(
    onStale === 'reject' || onStale === 'introspect' || onStale === 'accept',
    `onStale must be "reject", "introspect" or "accept": it is ${shown(onStale)}`,
  )
  demand(
    Number.isInteger(cacheSize) && cacheSize >= 0 && cacheSize <= 1_000_000,
    `cacheSize must be a whole number from 0 to 1000000: it is ${shown(cacheSize)}`,
  )
  demand(typeof now === 'function', `now must be a function: it is ${shown(now)}`)
  demand(
    revocations === 'feed' || revocations === 'off' || typeof revocations?.isRevoked === 'function',
    `revocations must be "feed", "off" or have a function isRevoked: it is ${shown(revocations)}`,
  )
  demand(
    onStale !== 'introspect' || (options.credential !== undefined && revocations === 'feed'),
    'onStale "introspect" needs a credential, and revocations from the feed',
  )
  const issuer = readIssuer(options.issuer)
  return {
    rules: { issuer, audience, profile, clockToleranceSeconds },
    credential: readCredential(options.credential, issuer),
    algorithms: readAlgorithms(options),
    keys: readKeys(options),
    revocations,
    maxStalenessSeconds,
    onStale,
    cacheSize,
    now,
  }
}

/** Text from the environment is no number: added to `exp` it would make tokens live for ever. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function readIssuer(issuer: unknown): string {
  const url = typeof issuer === 'string' && URL.canParse(issuer) ? new URL(issuer) : undefined
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  const isPlain = isWeb && !/[?#\s]/.test(String(issuer)) && url.username === ''
  demand(isPlain, `issuer must be an http or https URL without query, fragment or user: it is ${shown(issuer)}`)
  return String(issuer)
}

/** Characters of which a Bearer token is made (RFC 6750 2.1). */
const credentialPattern = /^[A-Za-z0-9\-._~+/]{1,1024}=*$/

/** This machine by name or address: what is sent there passes no wire. */
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

function readCredential(credential: unknown, issuer: string): string | undefined {
  if (credential === undefined) return undefined
  const isText = typeof credential === 'string' && credentialPattern.test(credential)
  demand(isText, 'credential must be the text that "latchkey apis add" printed')
  const { protocol, hostname } = new URL(issuer)
  demand(
    protocol === 'https:' || loopback.test(hostname),
    `credential is taken only with an https issuer or one on this machine: issuer is ${shown(issuer)}`,
  )
  return credential
}

function readAlgorithms({ algorithms: given, secret }: VerifierOptions): readonly Algorithm[] {
  const possible: readonly Algorithm[] = secret === undefined ? publicKeyAlgorithms : ['HS256']
  if (given === undefined) return possible
  demand(
    Array.isArray(given) && given.length > 0 && given.every((name) => possible.includes(name)),
    `algorithms ${secret === undefined ? 'without' : 'with'} a secret must be of ${possible.join(', ')}: they are ${shown(given)}`,
  )
  return [...given]
}

function readKeys({ secret, keys }: VerifierOptions): VerifierSettings['keys'] {
  if (secret === undefined) {
    demand(
      keys === undefined || typeof keys === 'function' || Array.isArray(keys?.keys),
      `keys must be a JWK set or a function that gives one: it is ${shown(keys)}`,
    )
    return keys
  }
  demand(keys === undefined, 'secret and keys cannot both be given')
  demand(typeof secret === 'string' || secret instanceof Uint8Array, 'secret must be text or bytes')
  const bytes = Buffer.from(secret)
  demand(bytes.length >= minSecretBytes, `secret must have at least ${minSecretBytes} bytes: it has ${bytes.length}`)
  return bytes
}

function demand(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new TypeError(`Cannot create a verifier: ${problem}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string' || Array.isArray(value)) return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
