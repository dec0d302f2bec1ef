import { signAccessToken } from '../crypto/access-tokens.ts'
import { digestOf, newRefreshToken } from '../crypto/secrets.ts'
import { auditEvent, type EventFacts } from '../domain/audit-event.ts'
import type { Origin } from '../domain/origin.ts'
import type { NewSession, Session, SessionId } from '../domain/session.ts'
import type { Store } from '../domain/store.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'

/** What a client gets for a login, a signup or a refresh. */
export type TokenPair = {
  userId: UserId
  email: string
  accessToken: string
  expiresInSeconds: number
  refreshToken: string
  /** How long the refresh token is good for, if it is not used. */
  refreshExpiresInSeconds: number
}

/** What who showed the password gets besides: the device is known from now on. */
export type DeviceTokenPair = TokenPair & { deviceToken: string }

/** What the tokens are written from, once the transaction has committed. */
export type OpenedSession = { session: Session; refreshToken: string; refreshExpiresAt: number }

/**
 * Begins a session inside the caller's transaction: the session, its first refresh token, and the line in the audit
 * log stand or fall together.
 */
export async function openSession(
  { now, newId, lifetimes }: Deps,
  store: Store,
  { user, origin, deed }: { user: Pick<User, 'id'>; origin: Origin; deed: 'signup' | 'login' },
): Promise<OpenedSession> {
  const at = now()
  const expiresAt = at + lifetimes.sessionSeconds * 1000
  const begun: NewSession = {
    id: newId() as SessionId,
    userId: user.id,
    createdAt: at,
    lastUsedAt: at,
    expiresAt,
    accessExpiresAt: accessExpiry(at, { expiresAt }, lifetimes),
    ipAddress: origin.address,
    userAgent: origin.userAgent,
  }
  const refreshToken = newRefreshToken()
  const refreshExpiresAt = refreshExpiry(at, begun, lifetimes)

  const session = await store.sessions.insert(begun)
  await store.refreshTokens.insert({
    digest: digestOf(refreshToken),
    sessionId: session.id,
    createdAt: at,
    expiresAt: refreshExpiresAt,
  })
  await store.users.recordLogin(user.id, at)
  await store.users.rememberNetwork(user.id, origin.network, at)
  await store.audit.append(eventOf({ now, newId }, origin, { type: deed, userId: user.id, sessionId: session.id }))
  return { session, refreshToken, refreshExpiresAt }
}

/** An idle refresh token dies after its own time, and never outlives its session. */
export function refreshExpiry(at: number, session: Pick<Session, 'expiresAt'>, lifetimes: Deps['lifetimes']): number {
  return Math.min(at + lifetimes.refreshTokenSeconds * 1000, session.expiresAt)
}

/** No access token outlives its session: nobody would ever hear that it is over. */
export function accessExpiry(at: number, session: Pick<Session, 'expiresAt'>, lifetimes: Deps['lifetimes']): number {
  return Math.min(at + lifetimes.accessTokenSeconds * 1000, session.expiresAt)
}

/**
 * Writes the tokens of a session that stands, by the instants that were committed with it: a revocation is kept until
 * `accessExpiresAt`, so the token must be dead by then.
 */
export async function issueTokens(
  { currentSigner, statusOf, newId, now, issuer, audience }: Deps,
  { session, refreshToken, refreshExpiresAt, email }: OpenedSession & { email: string },
): Promise<TokenPair> {
  const issuedAt = Math.floor(session.lastUsedAt / 1000)
  const expiresAt = Math.floor(session.accessExpiresAt / 1000)
  const accessToken = signAccessToken(
    {
      issuer,
      audience,
      userId: session.userId,
      email,
      sessionId: session.id,
      tokenId: newId(),
      status: await statusOf(session.number),
      issuedAt,
      expiresAt,
    },
    await currentSigner(),
  )
  return {
    userId: session.userId,
    email,
    accessToken,
    expiresInSeconds: expiresAt - issuedAt,
    refreshToken,
    refreshExpiresInSeconds: Math.ceil((refreshExpiresAt - now()) / 1000),
  }
}

/** An audit line of this instant. */
export function eventOf({ now, newId }: Pick<Deps, 'now' | 'newId'>, origin: Origin, facts: EventFacts) {
  return auditEvent({ id: newId(), now: now(), origin }, facts)
}
