import type { Origin } from '../domain/origin.ts'
import type { Store } from '../domain/store.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'

type BeginDeps = Pick<Deps, 'store' | 'now' | 'newId' | 'lifetimes'>

/**
 * Ends every session after a backup was put back, in one transaction. Answers how many there were.
 *
 * What was given out and revoked since the backup is not known here any more: places of sessions in status lists,
 * numbers of their ends. So all tokens of before are void, those too of sessions that this database never heard of:
 * their lists are over. New sessions and ends are numbered by the clock, so far ahead that no verifier takes them for
 * what it remembers. Does NOT bring back changes of passwords, disabled accounts, or revoked credentials of APIs.
 */
export function beginAnew(deps: BeginDeps, origin: Origin): Promise<number> {
  return deps.store.transaction((inside) => voidAndSkipAhead(deps, inside, origin))
}

/** Begins anew where the database is a backup on which nobody has started yet. Answers whether it was. */
export async function beginAnewOnCopy(deps: BeginDeps, origin: Origin): Promise<boolean> {
  if (!(await deps.store.restores.isCopy())) return false
  return deps.store.transaction(async (inside) => {
    // Of two processes that start at once, one does it.
    if (!(await inside.restores.isCopy())) return false
    await voidAndSkipAhead(deps, inside, origin)
    return true
  })
}

async function voidAndSkipAhead({ now, newId, lifetimes }: BeginDeps, inside: Store, origin: Origin): Promise<number> {
  const at = now()
  const ended = await inside.sessions.voidAll({ at, reason: 'database_restored' })
  await inside.restores.beginAnew({
    at,
    // A list for each second and 100 ends for each millisecond: nobody has given out as many since.
    atLeast: { list: Math.floor(at / 1000), sequence: at * 100 },
    neededUntil: at + Math.max(lifetimes.sessionSeconds, lifetimes.accessTokenSeconds) * 1000,
  })
  await inside.audit.append(eventOf({ now, newId }, origin, { type: 'database_restored' }))
  return ended
}
