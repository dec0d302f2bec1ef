import { decodeBase64url } from './base64url.ts'
import { parseStrictJson } from './strict-json.ts'
import { TokenError } from './token-error.ts'

export interface TokenHeader {
  readonly algorithm: string
  readonly keyId: string | undefined
}

/** A token taken apart. Nothing in it is trustworthy until its signature has been checked. */
export interface CompactToken extends TokenHeader {
  /** The header as it was received. */
  readonly headerText: string
  /** The octets that the signature covers, as they were received. */
  readonly signedText: string
  readonly payload: Buffer
  readonly signature: Buffer
}

interface Kind {
  readonly types: readonly unknown[]
  readonly maxCharacters: number
  /** Headers of this kind that were read before, by their text: an issuer writes few. */
  readonly knownHeaders?: ReadonlyMap<string, TokenHeader>
}

/** Node refuses more than 16 KiB of headers altogether; a token that leaves no room for others is none of ours. */
const maxCharacters = 8_192

/** Short enough for a map key; no blank, quote or control character, so that it is harmless wherever it is shown. */
const keyIdPattern = /^[A-Za-z0-9._~:@+/=-]{1,128}$/

/** Both spellings of RFC 9068 4; compared by case, so that one kind of token has two names and no more. */
export const accessTokens: Kind = { types: ['at+jwt', 'application/at+jwt'], maxCharacters }

/**
 * Header parameters that change how a token is to be read: extensions, unencoded or compressed or nested content.
 * We know none of them, so their mere presence is refused (RFC 7515 4.1.11, RFC 7797 7, RFC 7519 5.2).
 */
const refusedParameters = ['crit', 'b64', 'zip', 'cty']

/**
 * Takes a token, by default an access token, in JWS compact form apart and checks its header (RFC 7515 5.2 steps 1 to
 * 6, RFC 9068 4).
 *
 * `jwk`, `jku`, `x5u` and `x5c` are not looked at: a token does not bring its own key.
 * Does NOT check the signature, nor whether the algorithm is allowed, nor read the payload.
 *
 * @throws {TokenError} AUTH_INVALID
 */
export function readCompactToken(token: string, kind: Kind = accessTokens): CompactToken {
  if (typeof token !== 'string' || token.length > kind.maxCharacters) throw new TokenError('AUTH_INVALID')
  const parts = token.split('.', 4)
  if (parts.length !== 3) throw new TokenError('AUTH_INVALID')
  const [protectedHeader, claims, mac] = parts as [string, string, string]

  const { algorithm, keyId } = kind.knownHeaders?.get(protectedHeader) ?? readHeader(decode(protectedHeader), kind)
  return {
    algorithm,
    keyId,
    headerText: protectedHeader,
    signedText: token.slice(0, token.length - mac.length - 1),
    payload: decode(claims),
    signature: decode(mac),
  }
}

/**
 * Reads one JSON object out of a part of a token.
 *
 * @throws {TokenError} AUTH_INVALID
 */
export function readJsonObject(bytes: Uint8Array): Record<string, unknown> {
  const value = readJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TokenError('AUTH_INVALID')
  return value as Record<string, unknown>
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes)
  } catch (cause) {
    throw new TokenError('AUTH_INVALID', { cause })
  }
}

function decode(part: string): Buffer {
  const bytes = decodeBase64url(part)
  if (!bytes) throw new TokenError('AUTH_INVALID')
  return bytes
}

function readHeader(bytes: Buffer, { types }: Kind): TokenHeader {
  const header = readJsonObject(bytes)
  const { alg, kid, typ } = header
  const isPlain = refusedParameters.every((name) => !Object.hasOwn(header, name))
  const namesKeyWell = kid === undefined || (typeof kid === 'string' && keyIdPattern.test(kid))
  if (typeof alg !== 'string' || !types.includes(typ) || !isPlain || !namesKeyWell) {
    throw new TokenError('AUTH_INVALID')
  }
  return { algorithm: alg, keyId: kid }
}
