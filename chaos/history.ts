/** What a client wants of the product. A guess is a login with a wrong password, a look asks for one's own profile. */
export type DeedKind = 'signup' | 'login' | 'refresh' | 'logout' | 'look' | 'guess' | 'verify'

/**
 * What a client knows of its deed. Without an answer, or with one that says the server is in trouble (5xx), the deed
 * may have happened or not, and may yet happen.
 */
export type Outcome = 'acknowledged' | 'refused' | 'unknown'

/** Before its clients were told to stop, and after all was mended. */
export type Phase = 'storm' | 'after'

/** One deed of one client. Instants are milliseconds of the client's clock. */
export type Deed = {
  kind: DeedKind
  phase: Phase
  /** The email it is about. */
  account: string
  /** The address that the server takes the client to be at. */
  address: string
  /** The session that it was aimed at, or that it opened. */
  session?: string | undefined
  /** Which node was asked, where it was asked by name. */
  node?: string | undefined
  /** Which sessions a logout was to end. */
  scope?: 'local' | 'global'
  /** The refresh token that was shown, and the one that came for it. */
  presented?: string
  successor?: string | undefined
  startedAt: number
  endedAt: number
  outcome: Outcome
  /** The status of the answer, and its error's code. */
  status?: number | undefined
  code?: string | undefined
  /** The id that the server gave the request. */
  requestId?: string | undefined
}

/** How long something of a server lived. */
export type Life = { from: number; to: number }

/** A limit under which guesses were made, by what it counts. */
export type GuessLimit = { name: string; countsBy: 'address' | 'account'; attempts: number; windowSeconds: number }
