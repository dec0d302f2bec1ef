import type { AccessTokenWords, TokenSigner } from '../crypto/access-tokens.ts'
import type { DeviceTokens } from '../crypto/device-tokens.ts'
import type { Limits } from '../domain/limit.ts'
import type { Log } from '../domain/log.ts'
import type { PasswordPolicy } from '../domain/password-policy.ts'
import type { TokenStatus } from '../domain/status-list.ts'
import type { Store } from '../domain/store.ts'
import type { Passwords } from '../hashing/passwords.ts'
import type { Turns } from './take-turns.ts'
import type { RefusalTally } from './tally-refusals.ts'

/** What every flow is given. Flows take clock, ids and randomness from here and from crypto, and from nowhere else. */
export type Deps = {
  store: Store
  passwords: Passwords
  limits: Limits
  devices: DeviceTokens
  refusals: RefusalTally
  policy: PasswordPolicy
  log: Log
  /** Lets signups of one email wait for one another. */
  inTurn: Turns
  /** Signs the tokens that are issued now. */
  currentSigner(): Promise<TokenSigner>
  /**
   * What an access token says, where it is one of ours and its time is not over: form, signature, type, claims, issuer,
   * audience and time are checked. Whether its session stands in the database is for the flow to ask.
   */
  readAccessToken(token: string): Promise<AccessTokenWords | undefined>
  /** Where the bit of a session stands, as its access tokens say. */
  statusOf(sessionNumber: number): Promise<TokenStatus>
  /** Makes the ends of sessions that were just committed known to every verifier that this process tells, before it answers. */
  announceRevocations(): Promise<void>
  /** Milliseconds since the epoch. */
  now(): number
  newId(): string
  issuer: string
  audience: string | undefined
  lifetimes: Lifetimes
}

export type Lifetimes = {
  accessTokenSeconds: number
  refreshTokenSeconds: number
  sessionSeconds: number
  reuseGraceSeconds: number
}
