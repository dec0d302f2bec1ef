import type { SessionId } from './session.ts'

/** A refresh token as it is stored: the digest of what the client holds, never the token. Instants are milliseconds. */
export type RefreshToken = {
  digest: string
  sessionId: SessionId
  createdAt: number
  expiresAt: number
}

/** A refresh token that was used: its successor is kept sealed under the token itself, to be answered again. */
export type UsedRefreshToken = {
  sessionId: SessionId
  usedAt: number
  successorSealed: string
}
