import { type AuditEvent, auditEvent, type EventFacts } from '../domain/audit-event.ts'
import type { Log } from '../domain/log.ts'
import type { Origin } from '../domain/origin.ts'
import type { Store } from '../domain/store.ts'

/** Writes down refusals that anybody can cause at will: one line for each window and key with a count. */
export type RefusalTally = {
  /** Counts one refusal. Costs no database write now. */
  count(origin: Origin, facts: EventFacts): void
  /** Writes what was counted. */
  flush(): Promise<void>
  close(): Promise<void>
}

const windowMilliseconds = 60_000
/** Long enough to make one transaction of a flood, short enough that who looks at the log finds it there. */
const flushAfterMilliseconds = 100
/** Beyond so many keys at once, further ones share a line: memory stays bounded whatever arrives. */
const maxKeys = 10_000

/** Counts refusals in memory and writes them in batches; a crash loses at most the last tenth of a second of counts. */
export function tallyRefusals({
  store,
  log,
  now,
  newId,
}: {
  store: Store
  log: Log
  now(): number
  newId(): string
}): RefusalTally {
  let pending = new Map<string, AuditEvent>()
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> = Promise.resolve()

  async function write(batch: Map<string, AuditEvent>): Promise<void> {
    try {
      await store.transaction(async (inside) => {
        for (const [key, event] of batch) await inside.audit.tally(key, event)
      })
    } catch (error) {
      log.error({ error, lines: batch.size }, 'Refusals were not written to the audit log')
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const batch = pending
    pending = new Map()
    if (batch.size > 0) flushing = flushing.then(() => write(batch))
    return flushing
  }

  return {
    count: (origin, facts) => {
      const window = Math.floor(now() / windowMilliseconds)
      const isCrowded = pending.size >= maxKeys
      const place = isCrowded ? 'others' : origin.network
      const key = [window, facts.type, facts.failureReason, place, facts.userId].join(' ')
      const known = pending.get(key)
      if (known) known.count += 1
      else pending.set(key, auditEvent({ id: newId(), now: now(), origin }, facts))
      timer ??= setTimeout(flush, flushAfterMilliseconds).unref()
    },
    flush,
    close: flush,
  }
}
