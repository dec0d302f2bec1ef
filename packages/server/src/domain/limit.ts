/** One limit on one kind of attempt. Counting is atomic: parallel attempts cannot slip by. */
export type Limit = {
  /**
   * Asks, and counts nothing: whether a key is known here to have no attempts left. For what is to be refused before any
   * work. Another node may know of more.
   * @throws {Refusal} RATE_LIMIT_EXCEEDED, with the wait in seconds
   */
  assertOpen(key: string): void
  /**
   * Counts an attempt.
   * @throws {Refusal} RATE_LIMIT_EXCEEDED, with the wait in seconds
   */
  spend(key: string): Promise<void>
  /** Takes one attempt back: it was never carried out. */
  giveBack(key: string): Promise<void>
  /** Begins anew for this key. */
  forget(key: string): Promise<void>
}

/** The limits of the product. Addresses are counted by network (IPv6: the /64), accounts by a digest of the email. */
export type Limits = {
  loginPerAddress: Limit
  signupPerAddress: Limit
  /** Failed logins of one account, from networks and devices that never signed in to it. */
  loginPerAccount: Limit
  /** Logins of one account on one device that signed in to it before, from networks that never did. */
  loginPerDevice: Limit
  /** Introspections and revocations: by API credential, and by address where the credential is not good. */
  introspection: Limit
  /** Any route. */
  requestPerAddress: Limit
}

/** How long a device is known after a login on it. */
export const deviceSeconds = 90 * 86_400
