import { isIP } from 'node:net'
import { parseDurationSeconds } from './duration.ts'
import { parseRate } from './rate.ts'

/** A value read from a variable, or what the variable takes instead. */
export type Reading<Value> = { value: Value } | { takes: string }

type Setting<Value> = {
  /** The default as one would write it in `.env`; an empty one means unset. */
  fallback: string
  /** For docs/configuration.md and `.env.example`. */
  meaning: string
  isSecret?: boolean
  read(text: string, environment: Environment): Reading<Value>
}

export type Environment = Readonly<Record<string, string | undefined>>

const setting = <Value>(definition: Setting<Value>): Setting<Value> => definition

function oneOf<const Choice extends string>(...choices: Choice[]) {
  return (text: string): Reading<Choice> => {
    const choice = choices.find((candidate) => candidate === text)
    return choice === undefined ? { takes: choices.join(', ').replace(/, ([^,]*)$/, ' or $1') } : { value: choice }
  }
}

function wholeNumber(least: number, most: number) {
  return (text: string): Reading<number> => {
    const number = /^(0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : Number.NaN
    return number >= least && number <= most ? { value: number } : { takes: `a whole number from ${least} to ${most}` }
  }
}

/** Verifiers take no token that lives longer. */
const longestTokenSeconds = 400 * 86_400
/** Proxies and browsers give up on an answer after a minute or less. */
const longestHashWaitSeconds = 30

function duration(least: number, most = Number.POSITIVE_INFINITY) {
  return (text: string): Reading<number> => {
    const seconds = parseDurationSeconds(text)
    const takes = `a duration such as 10s, 15m, 24h or 30d${least > 0 ? `, at least ${least}s` : ', or 0'}${upTo(most)}`
    return seconds !== undefined && seconds >= least && seconds <= most ? { value: seconds } : { takes }
  }
}

function upTo(most: number): string {
  if (most === Number.POSITIVE_INFINITY) return ''
  return most % 86_400 === 0 ? `, at most ${most / 86_400}d` : `, at most ${most}s`
}

function rate(text: string) {
  const value = parseRate(text)
  return value === undefined
    ? { takes: 'a rate such as 5/minute or 1000/hour (second, minute, hour, day), or off' }
    : { value }
}

function listOf<Item>(readItem: (text: string) => Item | undefined, takes: string) {
  return (text: string): Reading<Item[]> => {
    const items: Item[] = []
    for (const part of text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean)) {
      const item = readItem(part)
      if (item === undefined) return { takes }
      items.push(item)
    }
    return { value: items }
  }
}

function exactOrigin(text: string): string | undefined {
  const url = URL.parse(text)
  const isExact = url && /^https?:$/.test(url.protocol) && url.origin === text && !text.includes('*')
  return isExact ? text : undefined
}

function networkRange(text: string): string | undefined {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return undefined
  const most = version === 4 ? 32 : 128
  if (bits === undefined) return `${address}/${most}`
  return /^[0-9]{1,3}$/.test(bits) && Number(bits) <= most ? text : undefined
}

function publicUrl(text: string, environment: Environment): Reading<string> {
  if (text === '') return { value: `http://localhost:${environment['PORT'] || settings.PORT.fallback}` }
  // The text itself becomes the issuer, so what a URL parser would tidy up (spaces, an empty query) must not be there.
  const isPlain = /^https?:\/\/[^\s/?#@\\]+(\/[^\s/?#@\\]+)*$/.test(text) && URL.canParse(text)
  return isPlain ? { value: text } : { takes: 'an http or https URL without a trailing slash, query or fragment' }
}

function databaseUrl(text: string): Reading<string> {
  const isPostgres = /^postgres(ql)?:\/\//.test(text)
  if (isPostgres && !isDecodableUrl(text)) {
    return {
      takes: 'postgres://USER:PASSWORD@HOST/DATABASE, percent-encoded where a character means something in a URL',
    }
  }
  return isPostgres || /^sqlite:.+$/.test(text)
    ? { value: text }
    : { takes: 'sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE' }
}

function isDecodableUrl(text: string): boolean {
  try {
    decodeURIComponent(text)
    return URL.canParse(text)
  } catch {
    return false
  }
}

function jwtSecret(text: string): Reading<string | undefined> {
  if (text === '') return { value: undefined }
  const isLongEnough = new TextEncoder().encode(text).length >= 32
  return isLongEnough ? { value: text } : { takes: 'at least 32 bytes (latchkey secret prints a good one)' }
}

function key32(text: string): Reading<Uint8Array | undefined> {
  if (text === '') return { value: undefined }
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0)
  return bytes.length === 32 ? { value: bytes } : { takes: '32 random bytes in base64 (44 characters)' }
}

function optionalText(text: string): Reading<string | undefined> {
  return { value: text === '' ? undefined : text }
}

function metrics(text: string, environment: Environment): Reading<'auto' | 'public' | 'off' | { port: number }> {
  const named = oneOf('auto', 'public', 'off')(text)
  if ('value' in named) return named
  const port = /^port:([0-9]{1,5})$/.exec(text)?.[1]
  if (!port || Number(port) > 65_535) return { takes: 'auto, public, off or port:N' }
  const isTaken = port !== '0' && Number(port) === Number(environment['PORT'] || settings.PORT.fallback)
  return isTaken ? { takes: 'on another port than PORT' } : { value: { port: Number(port) } }
}

function bcryptCost(text: string, environment: Environment): Reading<number> {
  return wholeNumber(environment['NODE_ENV'] === 'test' ? 4 : 10, 15)(text)
}

/** Every variable that the server reads. The order is that of docs/configuration.md and `.env.example`. */
export const settings = {
  HOST: setting({
    fallback: '127.0.0.1',
    meaning: 'Address to listen on.',
    read: (text) =>
      /^[A-Za-z0-9.:_-]{1,253}$/.test(text) ? { value: text } : { takes: 'an IP address or a host name' },
  }),
  PORT: setting({ fallback: '8000', meaning: 'Port to listen on; 0 takes a free one.', read: wholeNumber(0, 65_535) }),
  PUBLIC_URL: setting({
    fallback: '',
    meaning:
      'Address of the server as clients see it, and the issuer (`iss`) of its tokens. Unset: `http://localhost:PORT`.',
    read: publicUrl,
  }),
  DATABASE_URL: setting({
    fallback: 'sqlite:data/latchkey.db',
    meaning:
      'Where users and sessions are kept: `sqlite:PATH`, made with its folder when missing, or `postgres://USER:PASSWORD@HOST/DATABASE`, shared by many servers.',
    read: databaseUrl,
  }),
  DATABASE_POOL_SIZE: setting({
    fallback: '10',
    meaning: 'Connections to Postgres at most, for each server.',
    read: wholeNumber(1, 1000),
  }),
  DATABASE_CONNECT_TIMEOUT: setting({
    fallback: '5s',
    meaning: 'How long a request waits for a connection to Postgres.',
    read: duration(1, 3600),
  }),
  DATABASE_STATEMENT_TIMEOUT: setting({
    fallback: '10s',
    meaning: 'How long Postgres works on one statement before it is given up.',
    read: duration(1, 3600),
  }),
  DATABASE_LOCK_TIMEOUT: setting({
    fallback: '5s',
    meaning: 'How long a statement waits in Postgres for what another holds.',
    read: duration(1, 3600),
  }),
  DATABASE_DURABILITY: setting({
    fallback: 'required',
    meaning:
      '`required`: refuse a Postgres whose `synchronous_commit` or `fsync` is off, since it forgets acknowledged writes in a crash; `any`: take it.',
    read: oneOf('required', 'any'),
  }),
  JWT_SECRET: setting({
    fallback: '',
    meaning:
      'Set: shared-secret mode, tokens are signed with HS256 under the UTF-8 bytes of this text (at least 32). Unset: key pairs are made and published.',
    isSecret: true,
    read: jwtSecret,
  }),
  JWT_ALGORITHM: setting({
    fallback: 'ES256',
    meaning:
      'Algorithm of generated keys (`ES256`, `EdDSA`, or `RS256` with 3072 bits). Without effect in shared-secret mode.',
    read: oneOf('ES256', 'EdDSA', 'RS256'),
  }),
  JWT_AUDIENCE: setting({
    fallback: '',
    meaning:
      '`aud` of every token, when wanted; `client_id` (`latchkey`) comes with it, as RFC 9068 asks. Verifiers must then name the same audience.',
    read: optionalText,
  }),
  ACCESS_TOKEN_TTL: setting({
    fallback: '24h',
    meaning: 'Lifetime of an access token.',
    read: duration(1, longestTokenSeconds),
  }),
  REFRESH_TOKEN_TTL: setting({
    fallback: '30d',
    meaning: 'Lifetime of a refresh token that is not used: the idle time-out of a session.',
    read: duration(1),
  }),
  SESSION_TTL: setting({
    fallback: '30d',
    meaning: 'Lifetime of a session, however often it is refreshed (NIST SP 800-63B-4: at most 30 days).',
    read: duration(1),
  }),
  REFRESH_REUSE_GRACE: setting({
    fallback: '10s',
    meaning: 'How long a used refresh token is answered again with its same successor; `0` is strict.',
    read: duration(0),
  }),
  BCRYPT_COST: setting({
    fallback: '12',
    meaning:
      'Work factor of bcrypt, 10 to 15 (from 4 with `NODE_ENV=test`). Older hashes are renewed at the next login.',
    read: bcryptCost,
  }),
  HASH_MAX_WAIT: setting({
    fallback: '2s',
    meaning:
      'The longest that a password may wait for its hash. Who would wait longer is told to come back (503 `OVERLOADED`), a quarter of a second later; `0`: who cannot be served at once.',
    read: duration(0, longestHashWaitSeconds),
  }),
  PASSWORD_POLICY: setting({
    fallback: 'mission',
    meaning:
      '`mission`: 8 characters with an upper-case letter, a lower-case letter and a digit; `nist`: 15 characters, no classes.',
    read: oneOf('mission', 'nist'),
  }),
  PASSWORD_BLOCKLIST: setting({
    fallback: 'common',
    meaning: 'Passwords to refuse: `common` (the shipped list), the path of a file with one a line, or `off`.',
    read: (text) => (text === '' ? { takes: 'common, off or the path of a file' } : { value: text }),
  }),
  PASSWORD_CONTEXT_WORDS: setting({
    fallback: '',
    meaning:
      'Words, separated by commas, that make no password by themselves or with digits and symbols around them. `latchkey` and the host of PUBLIC_URL always count.',
    read: listOf((word) => word.toLowerCase(), 'words separated by commas'),
  }),
  PASSWORD_PEPPER: setting({
    fallback: '',
    meaning:
      'Set: password hashes are sealed under this secret, 32 bytes in base64, which the database does not hold. Lost, no password matches any more.',
    isSecret: true,
    read: key32,
  }),
  PASSWORD_PEPPER_PREVIOUS: setting({
    fallback: '',
    meaning: 'The pepper before: hashes under it still match, and are renewed at the next login.',
    isSecret: true,
    read: key32,
  }),
  RATE_LIMIT_LOGIN: setting({
    fallback: '5/minute',
    meaning: 'Logins for each client address; `off` to disable.',
    read: rate,
  }),
  RATE_LIMIT_SIGNUP: setting({
    fallback: '5/minute',
    meaning: 'Signups for each client address; `off` to disable.',
    read: rate,
  }),
  RATE_LIMIT_ACCOUNT: setting({
    fallback: '10/hour',
    meaning: 'Failed logins of one account from addresses that never signed in to it; `off` to disable.',
    read: rate,
  }),
  RATE_LIMIT_GLOBAL: setting({
    fallback: 'off',
    meaning: 'Requests to any route for each client address, such as `1000/hour`.',
    read: rate,
  }),
  RATE_LIMIT_INTROSPECT: setting({
    fallback: '6000/minute',
    meaning:
      'Introspections, revocations and streams that an API opens, for each API credential, and refused ones for each client address; `off` to disable.',
    read: rate,
  }),
  TRUSTED_PROXIES: setting({
    fallback: '',
    meaning: 'Proxies whose forwarding headers count: addresses or CIDR ranges, separated by commas.',
    read: listOf(networkRange, 'IP addresses or CIDR ranges separated by commas, such as 10.0.0.0/8'),
  }),
  REVOCATION_STREAM: setting({
    fallback: 'public',
    meaning:
      'Who may follow `/api/auth/revocations`: `public`, which is everyone, or `credential`, APIs with one of `latchkey apis add`. The status lists are public in either case.',
    read: oneOf('public', 'credential'),
  }),
  CORS_ORIGINS: setting({
    fallback: '',
    meaning: 'Browser origins that may call the API, exact, separated by commas.',
    read: listOf(exactOrigin, 'origins separated by commas, such as https://app.example.com'),
  }),
  MASTER_KEY: setting({
    fallback: '',
    meaning:
      'Encrypts private keys at rest: 32 bytes in base64. Unset: made on first start, in `master.key` beside the database, mode 0600.',
    isSecret: true,
    read: key32,
  }),
  METRICS: setting({
    fallback: 'auto',
    meaning: '`/metrics`: `auto` where HOST is loopback, `port:N` on a port of its own (loopback), `public` or `off`.',
    read: metrics,
  }),
  DOCS: setting({ fallback: 'on', meaning: '`/docs` and `/openapi.json`: `on` or `off`.', read: oneOf('on', 'off') }),
  LOG_LEVEL: setting({
    fallback: 'info',
    meaning: 'Least severity of the JSON lines on standard output.',
    read: oneOf('debug', 'info', 'warn', 'error', 'silent'),
  }),
} as const

export type SettingName = keyof typeof settings

type ValueOf<Definition> = Definition extends Setting<infer Value> ? Value : never

/** What every variable came to. */
export type SettingValues = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> }
