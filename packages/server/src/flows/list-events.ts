import type { AuditEvent } from '../domain/audit-event.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Caller } from '../domain/session.ts'
import type { Deps } from './deps.ts'
import { readProfile } from './read-profile.ts'

export type EventPage = { events: AuditEvent[]; nextCursor: string | undefined }

/**
 * One page of the caller's own audit lines, newest first.
 * @param page.cursor the `nextCursor` of the page before: the id of its last line
 * @throws {Refusal} AUTH_REVOKED; VALIDATION_ERROR where the cursor is not one of the caller's
 */
export async function listEvents(
  deps: Deps,
  { caller, cursor, limit }: { caller: Caller; cursor: string | undefined; limit: number },
): Promise<EventPage> {
  const { id } = await readProfile(deps, caller)

  const lines = await deps.store.audit.listOf(id, { afterId: cursor, limit: limit + 1 })
  if (!lines) {
    throw new Refusal('VALIDATION_ERROR', { details: [{ field: 'cursor', issue: 'Is not a cursor of this list' }] })
  }

  const events = lines.slice(0, limit)
  return { events, nextCursor: lines.length > limit ? events.at(-1)?.id : undefined }
}
