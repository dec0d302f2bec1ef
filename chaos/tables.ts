import type { Site } from './site.ts'

/** What the database holds in the end. */
export type Tables = {
  users: { id: string; email: string }[]
  sessions: { id: string; user_id: string; revoked_reason: string | null; tokens: number; used: number }[]
  events: {
    sequence: number
    event_type: string
    user_id: string | null
    session_id: string | null
    request_id: string
  }[]
  /** What the engine finds wrong with its own files. */
  damage: string[]
}

export function readTables({ engine, sql }: Site): Tables {
  return {
    users: sql('select id, email from users'),
    sessions: sql(`
      select sessions.id, sessions.user_id, sessions.revoked_reason, count(digest) as tokens, count(used_at) as used
      from sessions left join refresh_tokens on session_id = sessions.id
      group by sessions.id, sessions.user_id, sessions.revoked_reason`),
    events: sql('select sequence, event_type, user_id, session_id, request_id from auth_events order by sequence'),
    damage: engine === 'sqlite' ? damageOf(sql) : [],
  }
}

function damageOf(sql: Site['sql']): string[] {
  const found = sql<{ integrity_check: string }>('pragma integrity_check').map((row) => row.integrity_check)
  const orphans = sql<{ table: string }>('pragma foreign_key_check').map(
    ({ table }) => `a row without its parent: ${table}`,
  )
  return [...found.filter((line) => line !== 'ok'), ...orphans]
}
