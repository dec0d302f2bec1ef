import type { Generated } from 'kysely'

/** Engines bound the parameters of one statement; with any of these tables this stays below each of them. */
export const rowsPerInsert = 500

/** The tables as Kysely sees them. Instants are whole milliseconds in UTC; truth is 0 or 1 on every engine. */
export type Schema = {
  users: {
    id: string
    email: string
    password_hash: string
    created_at: number
    last_login: number | null
    is_active: number
  }
  known_networks: {
    user_id: string
    network: string
    last_login: number
  }
  sessions: {
    number: Generated<number>
    id: string
    user_id: string
    created_at: number
    last_used_at: number
    expires_at: number
    access_expires_at: number
    ip_address: string
    user_agent: string
    revoked_at: number | null
    revoked_reason: string | null
  }
  refresh_tokens: {
    digest: string
    session_id: string
    created_at: number
    expires_at: number
    used_at: number | null
    successor_sealed: string | null
  }
  revocations: {
    sequence: Generated<number>
    session_id: string
    session_number: number
    access_expires_at: number
    created_at: number
  }
  status_lists: {
    list: number
    expires_at: number
  }
  restores: {
    first_list: number
    after_sequence: number
    restored_at: number
  }
  status_list_seed: {
    id: number
    seed: string
  }
  auth_events: {
    sequence: Generated<number>
    id: string
    user_id: string | null
    session_id: string | null
    identifier_digest: string | null
    event_type: string
    ip_address: string
    user_agent: string
    success: number
    failure_reason: string | null
    request_id: string
    created_at: number
    count: number
    window_key: string | null
    api_name: string | null
  }
  signing_keys: {
    id: string
    algorithm: string
    private_sealed: string
    created_at: number
    activates_at: number
    token_seconds: number
  }
  attempts: {
    key: string
    count: number
    resets_at: number
  }
  locks: {
    name: string
  }
  api_credentials: {
    id: string
    name: string
    digest: string
    created_at: number
    last_used_at: number | null
    revoked_at: number | null
  }
}
