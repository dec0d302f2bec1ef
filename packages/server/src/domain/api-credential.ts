declare const apiCredentialIdBrand: unique symbol

/** A canonical lower-case UUID that names an API credential. */
export type ApiCredentialId = string & { readonly [apiCredentialIdBrand]: true }

/** What lets an API ask about tokens and revoke them: its digest, never the credential. Instants are milliseconds. */
export type ApiCredential = {
  id: ApiCredentialId
  /** What an operator calls it, for good: the audit log tells deeds apart by it, so a revoked one keeps its name. */
  name: string
  digest: string
  createdAt: number
  /** The newest use, to the minute. */
  lastUsedAt: number | undefined
  revokedAt: number | undefined
}

/** Which API is asking, once its credential was found to be good. */
export type ApiCaller = Pick<ApiCredential, 'id' | 'name'>

/** Says whether a text can name an API: what stands as itself in a URL, a form and a shell. */
export function isApiName(text: string): boolean {
  return /^[a-z0-9._-]{1,64}$/.test(text)
}
