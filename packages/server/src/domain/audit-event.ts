import type { Origin } from './origin.ts'
import type { SessionId } from './session.ts'
import type { UserId } from './user.ts'

export type EventType =
  | 'signup'
  | 'signup_failed'
  | 'login'
  | 'login_failed'
  | 'logout'
  | 'refresh'
  | 'refresh_repeated'
  | 'refresh_reused'
  | 'refresh_failed'
  | 'password_changed'
  | 'password_change_failed'
  | 'session_revoked'
  | 'sessions_revoked'
  | 'token_forged'
  | 'token_refused'
  | 'access_denied'
  | 'request_refused'
  | 'rate_limited'
  | 'user_created'
  | 'user_disabled'
  | 'user_enabled'
  | 'keys_rotated'
  | 'token_revoked'
  | 'api_added'
  | 'api_revoked'
  | 'api_refused'
  | 'database_restored'

/** One line of the audit log: who did what, from where, and whether it was allowed. */
export type AuditEvent = {
  id: string
  userId: UserId | undefined
  sessionId: SessionId | undefined
  /** SHA-256 of the email that was tried, where a login or signup failed: tells which tries belong together. */
  identifierDigest?: string | undefined
  /** Which API did it, or to which it was done, by its name: names are never given again. */
  apiName?: string | undefined
  type: EventType
  ipAddress: string
  userAgent: string
  isSuccess: boolean
  failureReason: string | undefined
  requestId: string
  createdAt: number
  /** How many alike this line stands for: more than one only for refusals, which are counted by window. */
  count: number
}

export type EventFacts = {
  type: EventType
  userId?: UserId | undefined
  sessionId?: SessionId | undefined
  identifierDigest?: string
  apiName?: string | undefined
  failureReason?: string
}

type EventContext = { id: string; now: number; origin: Origin }

/** Writes down a deed or a refusal. Whatever has a reason for failing, failed. */
export function auditEvent({ id, now, origin }: EventContext, facts: EventFacts): AuditEvent {
  return {
    id,
    userId: facts.userId,
    sessionId: facts.sessionId,
    identifierDigest: facts.identifierDigest,
    apiName: facts.apiName,
    type: facts.type,
    ipAddress: origin.address,
    userAgent: origin.userAgent,
    isSuccess: facts.failureReason === undefined,
    failureReason: facts.failureReason,
    requestId: origin.requestId,
    createdAt: now,
    count: 1,
  }
}
