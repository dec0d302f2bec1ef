import { digestOf, isRefreshTokenShaped } from '../crypto/secrets.ts'
import type { ApiCaller } from '../domain/api-credential.ts'
import type { Origin } from '../domain/origin.ts'
import type { Caller } from '../domain/session.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'

type RevokeTokenDeps = Pick<Deps, 'store' | 'readAccessToken' | 'announceRevocations' | 'now' | 'newId'>

export type RevokeTokenInput = { api: ApiCaller; token: string; origin: Origin }

/**
 * Ends the session of a token, and with it every token that was ever given for it (RFC 7009, section 2.1). When this
 * returns, every verifier in this process refuses them.
 *
 * A refresh token ends its session also when it was used or is too old: who holds it held the session. A token that is
 * unknown, forged, expired, of another issuer, or of a session that is over changes nothing, and the caller is not told.
 */
export async function revokeToken(deps: RevokeTokenDeps, { api, token, origin }: RevokeTokenInput): Promise<void> {
  const owner = isRefreshTokenShaped(token) ? await refreshOwner(deps, token) : await accessOwner(deps, token)
  if (!owner) return

  await deps.store.transaction(async (inside) => {
    const isEnded = await inside.sessions.revoke(owner.sessionId, { at: deps.now(), reason: 'token_revoked' })
    if (!isEnded) return
    await inside.audit.append(eventOf(deps, origin, { ...owner, type: 'token_revoked', apiName: api.name }))
  })
  await deps.announceRevocations()
}

async function refreshOwner({ store, now }: RevokeTokenDeps, token: string): Promise<Caller | undefined> {
  const live = await store.refreshTokens.findLive(digestOf(token), now())
  return live && { userId: live.profile.id, sessionId: live.token.sessionId }
}

async function accessOwner(
  { store, now, readAccessToken }: RevokeTokenDeps,
  token: string,
): Promise<Caller | undefined> {
  const facts = await readAccessToken(token)
  const live = facts && (await store.sessions.findLive(facts.sessionId, now()))
  if (!facts || live?.session.userId !== facts.userId) return undefined
  return { userId: facts.userId, sessionId: facts.sessionId }
}
