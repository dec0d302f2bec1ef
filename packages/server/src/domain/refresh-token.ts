import type { SessionId } from './session.ts'
import type { Profile } from './user.ts'

/** A refresh token as it is stored: the digest of what the client holds, never the token. Instants are milliseconds. */
export type RefreshToken = {
  digest: string
  sessionId: SessionId
  createdAt: number
  expiresAt: number
}

/** What decides whether a refresh token can still be good for anything. */
export type RefreshTokenStanding = {
  isUsed: boolean
  expiresAt: number
  /** The session was not ended, and its user is not disabled. */
  isSessionOpen: boolean
  sessionExpiresAt: number
}

/** A refresh token that was used: its successor is kept sealed under the token itself, to be answered again. */
export type UsedRefreshToken = {
  sessionId: SessionId
  usedAt: number
  successorSealed: string
}

/** A refresh token whose session lives, and whose it is. It may be used or too old: that is for the reader to look. */
export type LiveRefreshToken = {
  token: RefreshToken
  usedAt: number | undefined
  profile: Profile
}
