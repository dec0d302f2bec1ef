import { TokenError } from './token-error.ts'

/** What of a request tells who sends it. */
export interface Credentials {
  /** The value of each Authorization header, in order, none joined. */
  readonly authorization: readonly string[]
  /** The request target as it came, with its query. */
  readonly url: string
}

/** What nearly every request sends: the scheme, exactly one space and one token68 (RFC 6750 2.1). */
const credentials = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i

/** A scheme, then whatever follows it (RFC 9110 11.4). */
const schemeAndRest = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(.*)$/s

/**
 * Takes the access token out of the Authorization header (RFC 6750 2.1), the only place where one is looked for.
 *
 * A token in the query is not read; one that comes beside a header is a malformed request (RFC 6750 2). Does NOT look
 * at cookies or bodies, and does NOT check the token.
 *
 * @throws {TokenError} AUTH_MISSING without Bearer credentials, AUTH_INVALID when they have another form,
 *   VALIDATION_ERROR when they come twice
 */
export function readBearer({ authorization, url }: Credentials): string {
  if (authorization.length > 1) throw new TokenError('VALIDATION_ERROR')
  const value = authorization[0] ?? ''
  const token = credentials.exec(value)?.[1]
  if (token === undefined && !isBearer(value)) throw new TokenError('AUTH_MISSING')
  if (queryHasToken(url)) throw new TokenError('VALIDATION_ERROR')
  if (token === undefined) throw new TokenError('AUTH_INVALID')
  return token
}

/**
 * What nearly every request sends, read without a look at each character: whatever follows the scheme and one space.
 *
 * Only for text that is compared with tokens that are known, or refused as AUTH_INVALID when it is none. `undefined`
 * says nothing of the request: ask `readBearer`.
 */
export function glimpseBearer({ authorization, url }: Credentials): string | undefined {
  const value = authorization[0]
  if (value === undefined || authorization.length > 1 || !beginsAsBearer(value)) return undefined
  return queryHasToken(url) ? undefined : value.slice(schemeLength)
}

const schemeLength = 'Bearer '.length

/** By its characters, for to cut the scheme out and change its case costs more than all the rest. */
function beginsAsBearer(value: string): boolean {
  return (
    (value.charCodeAt(0) | 0x20) === 0x62 &&
    (value.charCodeAt(1) | 0x20) === 0x65 &&
    (value.charCodeAt(2) | 0x20) === 0x61 &&
    (value.charCodeAt(3) | 0x20) === 0x72 &&
    (value.charCodeAt(4) | 0x20) === 0x65 &&
    (value.charCodeAt(5) | 0x20) === 0x72 &&
    value.charCodeAt(6) === 0x20 &&
    isVisible(value.charCodeAt(schemeLength))
  )
}

/** Blanks alone are no credentials. */
function isVisible(code: number): boolean {
  return code > 0x20 && code < 0x7f
}

/** Whether these are Bearer credentials, be their form right or wrong. */
function isBearer(value: string): boolean {
  const [, scheme, rest = ''] = schemeAndRest.exec(value) ?? []
  return scheme?.toLowerCase() === 'bearer' && rest.trim() !== ''
}

/**
 * The Authorization values of a Node request, which itself keeps only the first of several.
 *
 * @param rawHeaders names and values in turn, as in `IncomingMessage.rawHeaders`
 */
export function authorizationOf(rawHeaders: readonly string[]): string[] {
  const values: string[] = []
  for (let at = 1; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at - 1], rawHeaders[at]]
    if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue
    if (value !== undefined) values.push(value)
  }
  return values
}

/**
 * The WWW-Authenticate value for a refusal (RFC 6750 3); undefined where none belongs.
 *
 * Without credentials it names no error, as RFC 6750 3.1 asks.
 */
export function challengeFor({ code, status }: TokenError): string | undefined {
  const realm = 'Bearer realm="latchkey"'
  if (code === 'AUTH_MISSING') return realm
  if (status === 400)
    return `${realm}, error="invalid_request", error_description="The request carries credentials twice"`
  if (status === 401)
    return `${realm}, error="invalid_token", error_description="${descriptions[code] ?? 'The token is not valid'}"`
  return undefined
}

/** ASCII without quotes and backslashes, so that no escaping is ever needed. */
const descriptions: { [code: string]: string } = {
  AUTH_EXPIRED: 'The token has expired',
  AUTH_REVOKED: 'The token was revoked',
}

function queryHasToken(url: string): boolean {
  const start = url.indexOf('?')
  return start >= 0 && new URLSearchParams(url.slice(start + 1)).has('access_token')
}
