import { TokenError } from './token-error.ts'

/** Where the bit of a token's session stands (draft-ietf-oauth-status-list, section 6.2). */
export interface TokenStatus {
  /** The list, by its address. */
  readonly uri: string
  readonly index: number
}

/**
 * Reads which bit tells of a token. Does NOT ask whose list it is: whoever holds the bits knows their own lists.
 *
 * @throws {TokenError} AUTH_INVALID_CLAIMS, for a token that names none cannot be asked about
 */
export function readTokenStatus({ status }: { readonly status?: unknown }): TokenStatus {
  const reference = memberOf(status, 'status_list')
  const [index, uri] = [memberOf(reference, 'idx'), memberOf(reference, 'uri')]
  if (typeof uri !== 'string' || typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw new TokenError('AUTH_INVALID_CLAIMS')
  }
  return { uri, index }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
