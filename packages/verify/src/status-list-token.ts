import { inflateSync } from 'node:zlib'
import { decodeBase64url } from './base64url.ts'
import { type CompactToken, readCompactToken, readJsonObject } from './compact-token.ts'
import type { VerificationKey } from './keys.ts'
import { signatureMatches } from './signature.ts'
import { bytesPerList } from './status-bits.ts'

export interface StatusListRules {
  readonly issuer: string
  /** The address that the list was fetched from. */
  readonly uri: string
  readonly nowSeconds: number
  /** Rejects where no key of the issuer fits. */
  readonly findKey: (token: CompactToken) => Promise<VerificationKey>
}

/** Several times what a list of random bits takes. */
export const maxListCharacters = 64 * 1_024

const statusListTypes: readonly unknown[] = ['statuslist+jwt', 'application/statuslist+jwt']

/** Two clocks may differ by a minute, and an answer takes a while. */
const clockToleranceSeconds = 120

/**
 * Verifies a Status List Token (draft-ietf-oauth-status-list, section 8.3) and answers its bits, 8,192 bytes.
 *
 * Checked: form, type, signature, that it is the list of this address and of this issuer, time, the size of an entry
 * and of the list. Compressed data that grows beyond a list is given up.
 *
 * @throws {Error} which says what is wrong
 */
export async function readStatusList(text: string, rules: StatusListRules): Promise<Uint8Array> {
  const token = readCompactToken(text, { types: statusListTypes, maxCharacters: maxListCharacters })
  const key = await rules.findKey(token)
  if (!signatureMatches(key, Buffer.from(token.signedText, 'latin1'), token.signature)) throw wrong('its signature')

  const { iss, sub, iat, exp, status_list: list } = readJsonObject(token.payload)
  if (sub !== rules.uri) throw wrong('whose list it is')
  if (iss !== undefined && iss !== rules.issuer) throw wrong('who issued it')
  if (!isTime(iat) || iat > rules.nowSeconds + clockToleranceSeconds) throw wrong('when it was issued')
  if (exp !== undefined && (!isTime(exp) || exp <= rules.nowSeconds - clockToleranceSeconds)) throw wrong('its end')
  return unpack(list)
}

function unpack(list: unknown): Uint8Array {
  const isList = typeof list === 'object' && list !== null && 'bits' in list && 'lst' in list
  if (!isList || list.bits !== 1 || typeof list.lst !== 'string') throw wrong('its form')
  const packed = decodeBase64url(list.lst)
  const bits = packed && inflate(packed)
  if (bits?.length !== bytesPerList) throw wrong('its size')
  return bits
}

/** @returns undefined for what is no zlib stream, or grows beyond a list */
function inflate(packed: Buffer): Buffer | undefined {
  try {
    return inflateSync(packed, { maxOutputLength: bytesPerList })
  } catch {
    return undefined
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function wrong(what: string): Error {
  return new Error(`Cannot use the status list: ${what} is not as it must be`)
}
