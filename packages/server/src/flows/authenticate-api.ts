import { digestOf, isApiCredentialShaped } from '../crypto/secrets.ts'
import type { ApiCaller, ApiCredential } from '../domain/api-credential.ts'
import type { Origin } from '../domain/origin.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Deps } from './deps.ts'
import { spendLimit } from './spend-limit.ts'

export type ApiLogin = {
  /** What the caller showed; undefined where it showed nothing that can be read. */
  credential: string | undefined
  /** Who it says it is, where it says so: it must then be the name of that very credential. */
  name: string | undefined
  origin: Origin
}

/** Exact enough to find what nobody uses, and no write for each request. */
const useNotedMilliseconds = 60_000

/**
 * Finds out which API is asking. Whatever it showed, one answer says no.
 *
 * The credential is looked up by its SHA-256 digest and compared with nothing: how far a guess's digest agrees with a
 * stored one tells nothing of the credential, and 256 random bits are not guessed. A name has no part in the look-up,
 * so that known and unknown ones cost the same.
 *
 * Counted by address before the look-up and given back where it is good; then counted by credential, wherever it is
 * used from.
 *
 * @throws {Refusal} AUTH_API_INVALID, RATE_LIMIT_EXCEEDED
 */
export async function authenticateApi(deps: Deps, { credential, name, origin }: ApiLogin): Promise<ApiCaller> {
  const { store, limits, now } = deps
  await spendLimit(deps, limits.introspection, { key: origin.network, origin })

  const isShaped = credential !== undefined && isApiCredentialShaped(credential)
  const api = isShaped ? await store.apiCredentials.findByDigest(digestOf(credential)) : undefined
  const isNamed = name === undefined || name === api?.name
  if (!api || !isNamed || api.revokedAt !== undefined) throw apiRefused(deps, api, origin)

  await limits.introspection.giveBack(origin.network)
  await spendLimit(deps, limits.introspection, { key: api.id, origin })
  if (now() - (api.lastUsedAt ?? 0) >= useNotedMilliseconds) await store.apiCredentials.recordUse(api.id, now())
  return { id: api.id, name: api.name }
}

/** Whether the credential of an API that was let in is still good. Counts nothing. */
export async function isApiActive({ store }: Pick<Deps, 'store'>, { name }: ApiCaller): Promise<boolean> {
  const api = await store.apiCredentials.findByName(name)
  return api !== undefined && api.revokedAt === undefined
}

/** Anybody can come without a credential, so these are counted; one that was good is told apart by its API. */
function apiRefused({ refusals }: Deps, api: ApiCredential | undefined, origin: Origin): Refusal {
  const failureReason = !api ? 'unknown' : api.revokedAt === undefined ? 'wrong_name' : 'revoked'
  const key = [origin.network, api?.name].join(' ')
  refusals.count(origin, { type: 'api_refused', failureReason, apiName: api?.name }, { key })
  return new Refusal('AUTH_API_INVALID')
}
