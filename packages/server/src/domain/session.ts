import type { UserId } from './user.ts'

declare const sessionIdBrand: unique symbol

/** A canonical lower-case UUID that names a session; access tokens carry it as `sid`. */
export type SessionId = string & { readonly [sessionIdBrand]: true }

/** Says whether a text is a session id in its one spelling. */
export function isSessionId(text: string): text is SessionId {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)
}

/** What began with one login: it ends by logout, by age, or when a refresh token comes back. Instants are milliseconds. */
export type Session = {
  id: SessionId
  /** Given once and never again, from 1 on: it says where the session's bit stands in the status lists. */
  number: number
  userId: UserId
  createdAt: number
  lastUsedAt: number
  /** However often it is refreshed, the session ends here. */
  expiresAt: number
  /** When the last access token issued for it is dead. */
  accessExpiresAt: number
  ipAddress: string
  userAgent: string
}

export type RevocationReason =
  | 'logout'
  | 'refresh_reused'
  | 'password_changed'
  | 'session_revoked'
  | 'sessions_revoked'
  | 'user_disabled'
  | 'token_revoked'
  | 'database_restored'

/** A session that is about to begin: the store gives its number. */
export type NewSession = Omit<Session, 'number'>

/** A session that ended before its access tokens did. Kept until they are dead of age. */
export type Revocation = { sequence: number; sessionId: SessionId; sessionNumber: number; accessExpiresAt: number }

/** Who is calling, as a verified access token says. */
export type Caller = { userId: UserId; sessionId: SessionId }

/** Which sessions a logout ends: this one, all of the user's, or all but this one. */
export type LogoutScope = 'local' | 'global' | 'others'
