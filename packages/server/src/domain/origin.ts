/** Where a request came from. `address` is canonical; `network` is what limits count by (IPv6: the /64). */
export type Origin = {
  address: string
  network: string
  userAgent: string
  requestId: string
}

export const maxUserAgentLength = 500

/**
 * Makes a user agent fit to store and print: control characters and line separators are written as escapes,
 * and what goes beyond 500 characters is cut.
 */
export function printableUserAgent(raw: string): string {
  const escaped = raw.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return escaped.slice(0, maxUserAgentLength).toWellFormed()
}
