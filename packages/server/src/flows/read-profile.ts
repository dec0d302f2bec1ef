import { Refusal } from '../domain/refusal.ts'
import type { Caller } from '../domain/session.ts'
import type { Profile } from '../domain/user.ts'
import type { Deps } from './deps.ts'

/**
 * The caller's own profile. The session and the user are looked up each time: an end that another process wrote a
 * moment ago holds here too.
 *
 * @throws {Refusal} AUTH_REVOKED
 */
export async function readProfile({ store, now }: Deps, caller: Caller): Promise<Profile> {
  const profile = await store.sessions.findProfile(caller.sessionId, now())
  if (profile?.id !== caller.userId) throw new Refusal('AUTH_REVOKED')
  return profile
}
