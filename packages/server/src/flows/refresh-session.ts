import { sealUnder } from '../crypto/seal.ts'
import { digestOf, isRefreshTokenShaped, newRefreshToken } from '../crypto/secrets.ts'
import type { Origin } from '../domain/origin.ts'
import type { RefreshTokenStanding, UsedRefreshToken } from '../domain/refresh-token.ts'
import { Refusal } from '../domain/refusal.ts'
import type { SessionId } from '../domain/session.ts'
import type { Store } from '../domain/store.ts'
import type { Deps } from './deps.ts'
import {
  accessExpiry,
  eventOf,
  issueTokens,
  type OpenedSession,
  refreshExpiry,
  type TokenPair,
} from './open-session.ts'

export type RefreshInput = { refreshToken: string; origin: Origin }

type Refreshed = OpenedSession & { email: string }

/**
 * Trades a refresh token for its successor and a new access token (RFC 9700, section 4.14.2: rotation).
 *
 * A token that comes back within the grace is answered with its same successor: a lost answer or a second tab logs
 * nobody out. One that comes back later was copied: the session ends, for thief and owner alike.
 *
 * @throws {Refusal} AUTH_REFRESH_INVALID
 */
export async function refreshSession(deps: Deps, { refreshToken, origin }: RefreshInput): Promise<TokenPair> {
  if (!isRefreshTokenShaped(refreshToken)) throw refreshFailed(deps, origin)
  // Unknown, too old, of a session that is over: each is refused here, after the same work.
  const standing = await deps.store.refreshTokens.find(digestOf(refreshToken))
  if (!mayRefresh(standing, deps.now())) throw refreshFailed(deps, origin)

  const refreshed = await deps.store.transaction(async (inside) => {
    return (await rotate(deps, inside, refreshToken, origin)) ?? (await meetAgain(deps, inside, refreshToken, origin))
  })
  if (!refreshed) throw refreshFailed(deps, origin)
  if (refreshed === 'reused') {
    await deps.announceRevocations()
    throw new Refusal('AUTH_REFRESH_INVALID')
  }
  return issueTokens(deps, refreshed)
}

/** Whether it is worth a transaction, which decides. One that was used may be too old itself. */
function mayRefresh(standing: RefreshTokenStanding | undefined, now: number): boolean {
  if (!standing?.isSessionOpen || standing.sessionExpiresAt <= now) return false
  return standing.isUsed || standing.expiresAt > now
}

/** Anybody can bring a token that is none, so these are counted; one that came back has a line of its own. */
function refreshFailed({ refusals }: Deps, origin: Origin): Refusal {
  refusals.count(origin, { type: 'refresh_failed', failureReason: 'AUTH_REFRESH_INVALID' })
  return new Refusal('AUTH_REFRESH_INVALID')
}

/** The first use: one statement decides whose it is. */
async function rotate(deps: Deps, inside: Store, presented: string, origin: Origin): Promise<Refreshed | undefined> {
  const successor = newRefreshToken()
  const sessionId = await inside.refreshTokens.use(digestOf(presented), {
    at: deps.now(),
    successorSealed: sealFor(presented).close(successor),
  })
  if (!sessionId) return undefined

  const refreshed = await reopen(deps, inside, sessionId, successor)
  await inside.refreshTokens.insert({
    digest: digestOf(successor),
    sessionId,
    createdAt: deps.now(),
    expiresAt: refreshed.refreshExpiresAt,
  })
  await inside.audit.append(eventOf(deps, origin, { type: 'refresh', userId: refreshed.session.userId, sessionId }))
  return refreshed
}

/** A token that was used before: the same answer within the grace, the end of its session after. */
async function meetAgain(
  deps: Deps,
  inside: Store,
  presented: string,
  origin: Origin,
): Promise<Refreshed | 'reused' | undefined> {
  const used = await inside.refreshTokens.findUsed(digestOf(presented))
  const live = used && (await inside.sessions.findLive(used.sessionId, deps.now()))
  if (!used || !live) return undefined

  const { sessionId } = used
  const { userId } = live.session
  if (isWithinGrace(deps, used)) {
    const refreshed = await reopen(deps, inside, sessionId, sealFor(presented).open(used.successorSealed))
    await inside.audit.append(eventOf(deps, origin, { type: 'refresh_repeated', userId, sessionId }))
    return refreshed
  }

  await inside.sessions.revoke(sessionId, { at: deps.now(), reason: 'refresh_reused' })
  const failureReason = 'token_used_before'
  await inside.audit.append(eventOf(deps, origin, { type: 'refresh_reused', userId, sessionId, failureReason }))
  return 'reused'
}

function isWithinGrace({ now, lifetimes }: Deps, used: UsedRefreshToken): boolean {
  return now() - used.usedAt < lifetimes.reuseGraceSeconds * 1000
}

async function reopen(deps: Deps, inside: Store, sessionId: SessionId, refreshToken: string): Promise<Refreshed> {
  const at = deps.now()
  const live = await inside.sessions.findLive(sessionId, at)
  // Where it ended at this very moment, what was done so far is undone with it.
  if (!live) throw new Refusal('AUTH_REFRESH_INVALID')
  const accessExpiresAt = accessExpiry(at, live.session, deps.lifetimes)
  // Tokens count in whole seconds: one that lives for less would be dead on arrival.
  if (accessExpiresAt - at < 1000) throw new Refusal('AUTH_REFRESH_INVALID')
  await inside.sessions.recordUse(sessionId, { at, accessExpiresAt })
  const session = { ...live.session, lastUsedAt: at, accessExpiresAt }
  const refreshExpiresAt = refreshExpiry(at, session, deps.lifetimes)
  return { session, email: live.profile.email, refreshToken, refreshExpiresAt }
}

/** The successor is kept under the token itself, which only its holder has: the database alone gives neither. */
function sealFor(presented: string) {
  return sealUnder(presented, 'refresh token successor')
}
