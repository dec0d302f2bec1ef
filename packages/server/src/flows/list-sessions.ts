import type { Caller, Session } from '../domain/session.ts'
import type { Deps } from './deps.ts'
import { readProfile } from './read-profile.ts'

/** `count` is how many there are, also where not all are listed. */
export type SessionList = { sessions: Session[]; count: number }

/** More than anybody reads: without a bound, logins by a script would make the answer as long as they like. */
const maxListed = 100

/**
 * The caller's own live sessions, the newest use first: the hundred newest, where there are more.
 * @throws {Refusal} AUTH_REVOKED
 */
export async function listSessions(deps: Deps, caller: Caller): Promise<SessionList> {
  const { id } = await readProfile(deps, caller)
  const now = deps.now()
  const usedSince = now - deps.lifetimes.refreshTokenSeconds * 1000
  return deps.store.sessions.listLiveOf(id, { now, usedSince, limit: maxListed })
}
