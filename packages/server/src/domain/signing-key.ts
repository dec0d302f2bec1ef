export const signingAlgorithms = ['ES256', 'EdDSA', 'RS256'] as const
export type SigningAlgorithm = (typeof signingAlgorithms)[number]

/** A key pair as it is stored: the public half for everyone, the private half sealed under the master key. Instants are milliseconds. */
export type StoredSigningKey = {
  id: string
  algorithm: SigningAlgorithm
  publicJwk: Readonly<Record<string, unknown>>
  privateSealed: string
  createdAt: number
  /** Published at once, it signs from here on, when every verifier has had time to fetch it (RFC 7517 key rollover). */
  activatesAt: number
}
