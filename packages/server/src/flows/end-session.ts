import type { Origin } from '../domain/origin.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Caller, SessionId } from '../domain/session.ts'
import type { Deps } from './deps.ts'
import { logOut } from './log-out.ts'
import { eventOf } from './open-session.ts'

/** `isOwn` says that the caller's own session is the one that ended. */
export type EndedSession = { isOwn: boolean }

/**
 * Ends one of the caller's sessions; the caller's own is ended as by a logout. One of another user, an unknown one and
 * one that is over get the same answer. When this returns, every verifier in this process refuses the access tokens of
 * the session, and its refresh tokens are void.
 *
 * Asks for no password: who holds one live token of the user may end any session of the user.
 *
 * @throws {Refusal} AUTH_REVOKED where the caller's session is over; NOT_FOUND
 */
export async function endSession(
  deps: Deps,
  { caller, sessionId, origin }: { caller: Caller; sessionId: SessionId; origin: Origin },
): Promise<EndedSession> {
  const { store, now } = deps
  const { userId } = caller
  if (sessionId === caller.sessionId) {
    await logOut(deps, { caller, scope: 'local', origin })
    return { isOwn: true }
  }

  const refusal = await store.transaction(async (inside) => {
    const at = now()
    if (!(await inside.sessions.findLive(caller.sessionId, at))) return 'AUTH_REVOKED'
    const target = await inside.sessions.findLive(sessionId, at)
    if (target?.session.userId !== userId) return 'NOT_FOUND'
    await inside.sessions.revoke(sessionId, { at, reason: 'session_revoked' })
    await inside.audit.append(eventOf(deps, origin, { type: 'session_revoked', userId, sessionId }))
    return undefined
  })
  if (refusal) throw new Refusal(refusal)

  await deps.announceRevocations()
  return { isOwn: false }
}
