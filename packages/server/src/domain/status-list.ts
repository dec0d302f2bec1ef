/** How many sessions share a list: 8 KiB of bits, about the size of a picture of a button. */
export const sessionsPerList = 65_536

/** Where the bit of a session stands. */
export type ListPosition = { list: number; index: number }

/** What an access token says of that (draft-ietf-oauth-status-list, section 6.2). */
export type TokenStatus = { uri: string; index: number }

/**
 * How long a list, and what it tells, is kept after the last token in it is dead: longer than any verifier's clock
 * tolerance, with room for clocks that differ.
 */
export const keptAfterDeathMilliseconds = 60 * 60 * 1000

export function statusListUri(issuer: string, list: number): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/status-lists/${list}`
}

/** The list that a token of ours names. */
export function listOfUri(uri: string): number {
  return Number(uri.slice(uri.lastIndexOf('/') + 1))
}
