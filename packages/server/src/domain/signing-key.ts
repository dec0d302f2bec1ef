export const signingAlgorithms = ['ES256', 'EdDSA', 'RS256'] as const
export type SigningAlgorithm = (typeof signingAlgorithms)[number]

/**
 * A key pair as it is stored: sealed under the master key. The public half is not stored, but made from the private one,
 * so that nobody without the master key can have a key of theirs published. Instants are milliseconds.
 */
export type StoredSigningKey = {
  id: string
  algorithm: SigningAlgorithm
  privateSealed: string
  createdAt: number
  /** Published at once, it signs from here on, when every verifier has had time to fetch it (RFC 7517 key rollover). */
  activatesAt: number
  /** The longest life of a token that it may have signed, in seconds. */
  tokenSeconds: number
}
