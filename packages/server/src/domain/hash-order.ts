/** What a password hash is computed for. Each purpose gets its turn, however many hashes the others ask for. */
export const hashPurposes = ['login', 'familiar_login', 'signup', 'password_change'] as const

export type HashPurpose = (typeof hashPurposes)[number]

/** For whom a hash is computed: decides when its turn comes, and whether it comes at all. */
export type HashOrder = {
  purpose: HashPurpose
  /** What turns are shared out by: the client's network, or the account that is known there. */
  network: string
  /** Aborted when the client has gone: a hash that was not begun is then dropped. */
  signal?: AbortSignal | undefined
  /** The request was admitted before and goes on with another hash: it comes first, and is not refused for its wait. */
  isContinued?: boolean
}

/**
 * Why a hash was refused: it would have waited too long, did wait too long, found the queue full, came while the server
 * stops, or lost its thread twice.
 */
export const hashRefusalReasons = ['expected_wait', 'waited', 'queue_full', 'stopping', 'thread_lost'] as const

export type HashRefusalReason = (typeof hashRefusalReasons)[number]

/** What happens to hashes, for who watches. Times are in seconds. */
export type HashEvent =
  | { kind: 'started'; purpose: HashPurpose; waitSeconds: number }
  | { kind: 'computed'; seconds: number }
  | { kind: 'refused'; reason: HashRefusalReason }
  | { kind: 'dropped' }
  | { kind: 'thread_lost'; error: Error }

export type HashLoad = { waiting: number; running: number }
