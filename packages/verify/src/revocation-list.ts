/** The sessions that are revoked and whose tokens might still live. */
export interface RevocationList {
  /** @param expiresAt Unix seconds when the last access token of the session is dead */
  add(sessionId: string, expiresAt: number): void
  has(sessionId: string): boolean
  size(): number
}

/**
 * How long a session is kept after its last token has died: longer than the greatest clock tolerance, with room for
 * a clock that ran fast and was set back.
 */
const keptAfterExpirySeconds = 60 * 60

/** Each sweep visits all, so it must be rare. */
const sweepEverySeconds = 60

/**
 * Remembers revoked sessions as long as a token of theirs could pass, and no longer.
 *
 * @param now Unix milliseconds
 */
export function revocationList(now: () => number): RevocationList {
  const expiryOf = new Map<string, number>()
  let sweptAt = now()

  function sweep(): void {
    const instant = now()
    if (Math.abs(instant - sweptAt) < sweepEverySeconds * 1_000) return
    sweptAt = instant
    const dead = instant / 1_000 - keptAfterExpirySeconds
    for (const [sessionId, expiresAt] of expiryOf) if (expiresAt < dead) expiryOf.delete(sessionId)
  }

  return {
    add(sessionId, expiresAt) {
      sweep()
      expiryOf.set(sessionId, Math.max(expiresAt, expiryOf.get(sessionId) ?? 0))
    },
    has: (sessionId) => expiryOf.has(sessionId),
    size: () => expiryOf.size,
  }
}
