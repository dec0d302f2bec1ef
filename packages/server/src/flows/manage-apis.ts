import { digestOf, newApiCredential } from '../crypto/secrets.ts'
import { type ApiCredential, type ApiCredentialId, isApiName } from '../domain/api-credential.ts'
import type { Origin } from '../domain/origin.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'

/** An API credential as an operator sees one: everything but the digest. */
export type ApiRecord = Omit<ApiCredential, 'digest'>

/**
 * Makes the credential of an API. This answer is the only place where it is ever written: what is stored is its digest.
 * @throws {Refusal} VALIDATION_ERROR, CONFLICT_NAME
 */
export async function addApi(
  deps: Deps,
  { name, origin }: { name: string; origin: Origin },
): Promise<{ api: ApiRecord; credential: string }> {
  if (!isApiName(name)) throw unusableName()

  const credential = newApiCredential()
  const api: ApiCredential = {
    id: deps.newId() as ApiCredentialId,
    name,
    digest: digestOf(credential),
    createdAt: deps.now(),
    lastUsedAt: undefined,
    revokedAt: undefined,
  }
  const isNew = await deps.store.transaction(async (inside) => {
    if (!(await inside.apiCredentials.insert(api))) return false
    await inside.audit.append(eventOf(deps, origin, { type: 'api_added', apiName: name }))
    return true
  })
  if (!isNew) throw new Refusal('CONFLICT_NAME')
  return { api: withoutDigest(api), credential }
}

/** Every API, revoked ones too, in the order of their names. */
export async function listApis({ store }: Deps): Promise<ApiRecord[]> {
  return (await store.apiCredentials.list()).map(withoutDigest)
}

/**
 * Makes a credential void: from here on nobody is let in by it. Answers whether anything changed.
 * @throws {Refusal} NOT_FOUND
 */
export async function revokeApi(
  deps: Deps,
  { name, origin }: { name: string; origin: Origin },
): Promise<{ api: ApiRecord; isChanged: boolean }> {
  const at = deps.now()
  const outcome = await deps.store.transaction(async (inside) => {
    const api = await inside.apiCredentials.findByName(name)
    if (!api) return undefined
    const isChanged = await inside.apiCredentials.revoke(api.id, at)
    if (isChanged) await inside.audit.append(eventOf(deps, origin, { type: 'api_revoked', apiName: name }))
    return { api: withoutDigest(isChanged ? { ...api, revokedAt: at } : api), isChanged }
  })
  if (!outcome) throw new Refusal('NOT_FOUND')
  return outcome
}

function withoutDigest({ digest: _, ...record }: ApiCredential): ApiRecord {
  return record
}

function unusableName(): Refusal {
  return new Refusal('VALIDATION_ERROR', {
    details: [{ field: 'name', issue: 'Must be 1 to 64 characters of a-z, 0-9, dot, underscore and hyphen' }],
  })
}
