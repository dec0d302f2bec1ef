import { digestOf, isRefreshTokenShaped } from '../crypto/secrets.ts'
import type { SessionId } from '../domain/session.ts'
import type { UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'

/** What is known of a token that is good now. Instants are whole seconds since the epoch. */
export type TokenStanding = {
  kind: 'access' | 'refresh'
  userId: UserId
  sessionId: SessionId
  /** The address of the account as it is now. */
  email: string
  issuer: string
  /** Of an access token, where one is configured. */
  audience: string | undefined
  /** Of an access token, where it is of the full profile of RFC 9068. */
  clientId: string | undefined
  /** Refresh tokens have none. */
  tokenId: string | undefined
  issuedAt: number
  expiresAt: number
}

/**
 * Tells what a token is worth now (RFC 7662). The database is asked each time, so an end that another process wrote a
 * moment ago holds. `undefined` is every token that is not good, whatever is wrong with it.
 *
 * The shape of a token says what it is, so no hint is needed. Does NOT use a refresh token up, and does NOT ask who
 * wants to know: that is `authenticate-api.ts`.
 */
export async function introspectToken(deps: Deps, token: string): Promise<TokenStanding | undefined> {
  return isRefreshTokenShaped(token) ? refreshStanding(deps, token) : accessStanding(deps, token)
}

async function accessStanding({ store, now, readAccessToken }: Deps, token: string) {
  const facts = await readAccessToken(token)
  const live = facts && (await store.sessions.findLive(facts.sessionId, now()))
  if (!facts || live?.session.userId !== facts.userId) return undefined
  return { ...facts, kind: 'access', email: live.profile.email } as const
}

async function refreshStanding({ store, now, issuer }: Deps, presented: string) {
  const live = await store.refreshTokens.findLive(digestOf(presented), now())
  if (!live || live.usedAt !== undefined || live.token.expiresAt <= now()) return undefined
  const { token, profile } = live
  return {
    kind: 'refresh',
    userId: profile.id,
    sessionId: token.sessionId,
    email: profile.email,
    issuer,
    audience: undefined,
    clientId: undefined,
    tokenId: undefined,
    issuedAt: Math.floor(token.createdAt / 1000),
    expiresAt: Math.floor(token.expiresAt / 1000),
  } as const
}
