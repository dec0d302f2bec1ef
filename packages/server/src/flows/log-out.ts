import type { Origin } from '../domain/origin.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Caller, LogoutScope } from '../domain/session.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'

export type LogOutInput = { caller: Caller; scope: LogoutScope; origin: Origin }

/**
 * Ends sessions: the caller's, all of the user's, or all but the caller's. When this returns, every verifier in this
 * process refuses their access tokens, and their refresh tokens are void.
 *
 * @throws {Refusal} AUTH_REVOKED where the caller's session is over already
 */
export async function logOut(deps: Deps, { caller, scope, origin }: LogOutInput): Promise<void> {
  const { store, now } = deps
  const { userId, sessionId } = caller

  const isDone = await store.transaction(async (inside) => {
    const at = now()
    if (!(await inside.sessions.findLive(sessionId, at))) return false
    if (scope === 'local') await inside.sessions.revoke(sessionId, { at, reason: 'logout' })
    else {
      const except = scope === 'others' ? sessionId : undefined
      await inside.sessions.revokeAllOf(userId, { at, reason: 'logout', except })
    }
    await inside.audit.append(eventOf(deps, origin, { type: 'logout', userId, sessionId }))
    return true
  })
  if (!isDone) throw new Refusal('AUTH_REVOKED')

  await deps.announceRevocations()
}
