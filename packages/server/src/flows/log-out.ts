import type { Origin } from '../domain/origin.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Caller, LogoutScope } from '../domain/session.ts'
import type { Store } from '../domain/store.ts'
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

  const isDone = await store.transaction(async (inside) => {
    if (!(await endSessions(inside, { caller, scope, at: now() }))) return false
    await inside.audit.append(eventOf(deps, origin, { type: 'logout', ...caller }))
    return true
  })
  if (!isDone) throw new Refusal('AUTH_REVOKED')

  await deps.announceRevocations()
}

type Leave = Pick<LogOutInput, 'caller' | 'scope'> & { at: number }

/** Answers false, and ends nothing, where the caller's own session is over. */
async function endSessions(inside: Store, { caller, scope, at }: Leave): Promise<boolean> {
  const { userId, sessionId } = caller
  const end = { at, reason: 'logout' } as const
  if (scope === 'local') return inside.sessions.revoke(sessionId, end)

  if (!(await inside.sessions.findLive(sessionId, at))) return false
  await inside.sessions.revokeAllOf(userId, { ...end, except: scope === 'others' ? sessionId : undefined })
  return true
}
