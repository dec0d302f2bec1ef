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
  const escaped = raw.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeOf)
  return escaped.slice(0, maxUserAgentLength).toWellFormed()
}

/** As JSON does it: one escape for each half of a character beyond the basic plane. */
function escapeOf(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
