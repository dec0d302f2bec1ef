import { type AuditEvent, auditEvent, type EventFacts } from '../domain/audit-event.ts'
import type { Log } from '../domain/log.ts'
import type { Origin } from '../domain/origin.ts'
import type { AuditStore, Store } from '../domain/store.ts'

/** Writes down refusals that anybody can cause at will: one line for each window and key, with a count. */
export type RefusalTally = {
  /**
   * Counts one refusal. Costs no database write now.
   * @param window.key what is counted together, besides the type and the reason: the client's network by default
   * @param window.seconds how long the window lasts from its first refusal on: a minute by default
   */
  count(origin: Origin, facts: EventFacts, window?: { key?: string; seconds?: number }): void
  /** Writes what was counted. */
  flush(): Promise<void>
}

type TalliedLine = Parameters<AuditStore['tally']>[0][number]
type Line = { windowKey: string; endsAt: number; pending: AuditEvent | undefined; isWritten: boolean }

const defaultWindowSeconds = 60
/** Short enough that who looks at the log finds a new line there, long enough to make one transaction of a flood of them. */
const newLineMilliseconds = 100
/** A line that stands is only counted up: a client that is refused again and again costs no write of its own. */
const countMilliseconds = 5_000
/** Beyond so many keys at once, further ones share a line that names nobody: memory stays bounded, whatever arrives. */
const maxLines = 10_000

type TallyDeps = { store: Store; log: Log; now(): number; newId(): string }

/** Counts refusals in memory and writes them in batches; a crash loses at most the last five seconds of counts. */
export function tallyRefusals({ store, log, now, newId }: TallyDeps): RefusalTally {
  const lines = new Map<string, Line>()
  let timer: NodeJS.Timeout | undefined
  let writesAt = Number.POSITIVE_INFINITY
  let writing: Promise<void> = Promise.resolve()

  function eventOf(origin: Origin, facts: EventFacts): AuditEvent {
    return auditEvent({ id: newId(), now: now(), origin }, facts)
  }

  function lineOf(key: string, seconds: number): Line {
    const known = lines.get(key)
    if (known && known.endsAt > now()) return known
    if (known?.pending) void flush()
    const fresh = { windowKey: newId(), endsAt: now() + seconds * 1000, pending: undefined, isWritten: false }
    lines.set(key, fresh)
    return fresh
  }

  function count(
    origin: Origin,
    facts: EventFacts,
    { key = origin.network, seconds = defaultWindowSeconds } = {},
  ): void {
    const kind = [facts.type, facts.failureReason].join(' ')
    const wanted = `${kind} ${key}`
    const isCrowded = lines.size >= maxLines && !lines.has(wanted)
    const line = lineOf(isCrowded ? `${kind} others` : wanted, seconds)
    if (line.pending) line.pending.count += 1
    else if (isCrowded)
      line.pending = eventOf({ ...origin, address: 'many', userAgent: '' }, { ...facts, userId: undefined })
    else line.pending = eventOf(origin, facts)
    writeAfter(line.isWritten ? countMilliseconds : newLineMilliseconds)
  }

  function writeAfter(milliseconds: number): void {
    const at = performance.now() + milliseconds
    if (at >= writesAt) return
    clearTimeout(timer)
    writesAt = at
    timer = setTimeout(flush, milliseconds).unref()
  }

  function takePending(): TalliedLine[] {
    const batch: TalliedLine[] = []
    for (const [key, line] of lines) {
      if (line.pending) {
        batch.push({ windowKey: line.windowKey, event: line.pending })
        line.isWritten = true
      }
      line.pending = undefined
      if (line.endsAt <= now()) lines.delete(key)
    }
    return batch
  }

  async function write(batch: TalliedLine[]): Promise<void> {
    try {
      await store.transaction((inside) => inside.audit.tally(batch))
    } catch (error) {
      log.error({ error, lines: batch.length }, 'Refusals were not written to the audit log')
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    writesAt = Number.POSITIVE_INFINITY
    const batch = takePending()
    if (batch.length > 0) writing = writing.then(() => write(batch))
    return writing
  }

  return { count, flush }
}
