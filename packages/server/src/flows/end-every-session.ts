import { setTimeout as wait } from 'node:timers/promises'
import type { Origin } from '../domain/origin.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'

/** Some thirty milliseconds of work: as long as a login waits for it. */
const sessionsPerPiece = 2_000
/** Longer than those who wait for a locked database pause before they ask again, so that they come in between. */
const restMilliseconds = 25

/**
 * Ends every session of everyone, piece by piece in the order of their numbers, so that nobody waits long. Answers how
 * many.
 *
 * Ends all that were there when it began; those that begin meanwhile stay. Each piece holds when it is done, and the
 * audit line holds with the first: where a later one fails, ask again, and the rest is ended.
 */
export async function endEverySession(deps: Deps, origin: Origin): Promise<number> {
  const { store, now } = deps
  const upTo = await store.sessions.newest()
  const revoke = (inside: typeof store, after: number) =>
    inside.sessions.revokePiece({ after, upTo, limit: sessionsPerPiece }, { at: now(), reason: 'sessions_revoked' })

  let { revoked, next } = await store.transaction(async (inside) => {
    await inside.audit.append(eventOf(deps, origin, { type: 'sessions_revoked' }))
    return revoke(inside, 0)
  })
  while (next !== undefined) {
    await wait(restMilliseconds)
    const after: number = next
    const piece = await store.transaction((inside) => revoke(inside, after))
    revoked += piece.revoked
    next = piece.next
  }

  await deps.announceRevocations()
  return revoked
}
