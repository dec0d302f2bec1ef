import type { ApiCredential, ApiCredentialId } from './api-credential.ts'
import type { AuditEvent } from './audit-event.ts'
import type { LiveRefreshToken, RefreshToken, RefreshTokenStanding, UsedRefreshToken } from './refresh-token.ts'
import type { NewSession, Revocation, RevocationReason, Session, SessionId } from './session.ts'
import type { StoredSigningKey } from './signing-key.ts'
import type { Profile, User, UserId } from './user.ts'

/**
 * What the product keeps, and the seam between the flows and a database engine. Every engine passes
 * `storage/store.contract.test.ts`. Look-ups that find nothing answer `undefined`; a database that does not answer throws.
 */
export type Store = {
  users: UserStore
  sessions: SessionStore
  refreshTokens: RefreshTokenStore
  revocations: RevocationStore
  statusLists: StatusListStore
  restores: RestoreStore
  audit: AuditStore
  signingKeys: SigningKeyStore
  apiCredentials: ApiCredentialStore
  attempts: AttemptStore
  expiry: ExpiryStore
  /**
   * Runs `work` as one transaction: all of it holds, or nothing. Inside, wait for nothing but the given store.
   * A refusal thrown inside undoes everything, the audit line too: decide inside, throw outside. The work may be run
   * again from its beginning, where it met another transaction, so it must do nothing that cannot be undone.
   *
   * Who reads a user by id, or a live session, inside a transaction holds it: nobody changes it before the end.
   */
  transaction<Result>(work: (store: Store) => Promise<Result>): Promise<Result>
}

export type UserStore = {
  /** Answers false, and changes nothing, where the email is taken. */
  insert(user: User): Promise<boolean>
  findByEmail(email: string): Promise<User | undefined>
  /**
   * The user with this email, or the decoy where there is none: after a row was read and decoded either way, so that the
   * time tells nothing of which it is.
   */
  findOrDecoy(email: string, decoy: User): Promise<{ user: User; isKnown: boolean }>
  findById(id: UserId): Promise<User | undefined>
  /** In the order of their emails, after the given one where there is one. */
  list(page: { afterEmail: string | undefined; limit: number }): Promise<User[]>
  recordLogin(id: UserId, at: number): Promise<void>
  /** Answers false where the user's hash is no longer `oldHash`. */
  replacePasswordHash(id: UserId, change: { oldHash: string; newHash: string }): Promise<boolean>
  /** Answers false where the user is so already. */
  setActive(id: UserId, isActive: boolean): Promise<boolean>
  /** Says whether this user ever signed in from this network. */
  knowsNetwork(id: UserId, network: string): Promise<boolean>
  rememberNetwork(id: UserId, network: string, at: number): Promise<void>
}

export type SessionStore = {
  /** Gives the session its number, and notes until when its list is needed. */
  insert(session: NewSession): Promise<Session>
  /** The session and its user, where the session is neither ended nor too old and the user is active. */
  findLive(id: SessionId, now: number): Promise<{ session: Session; profile: Profile } | undefined>
  /** Of that the profile alone, which costs less. Holds nothing in a transaction. */
  findProfile(id: SessionId, now: number): Promise<Profile | undefined>
  /** Notes that new tokens were issued for the session. */
  recordUse(id: SessionId, use: { at: number; accessExpiresAt: number }): Promise<void>
  /** Ends one session and publishes the end. Answers false where it has ended before. */
  revoke(id: SessionId, end: { at: number; reason: RevocationReason }): Promise<boolean>
  /**
   * A user's live sessions, the newest use first, and how many there are in all. One that was not used since
   * `usedSince`, and whose access tokens are dead, is over too.
   */
  listLiveOf(
    userId: UserId,
    page: { now: number; usedSince: number; limit: number },
  ): Promise<{ sessions: Session[]; count: number }>
  /** Ends every live session of a user, but for `except`, and publishes each end. Answers how many. */
  revokeAllOf(
    userId: UserId,
    end: { at: number; reason: RevocationReason; except?: SessionId | undefined },
  ): Promise<number>
  /** The number of the newest session, whether it lives or not; 0 before the first. */
  newest(): Promise<number>
  /**
   * Looks at the `limit` sessions after the number `after` and up to `upTo`, whosesoever they are, ends those that live,
   * and publishes each end. `next` is where the next piece begins; `undefined` after the last.
   */
  revokePiece(
    piece: { after: number; upTo: number; limit: number },
    end: { at: number; reason: RevocationReason },
  ): Promise<{ revoked: number; next: number | undefined }>
  /** Ends every live session of everyone, and publishes nothing: their lists are over. Answers how many. */
  voidAll(end: { at: number; reason: RevocationReason }): Promise<number>
}

export type RefreshTokenStore = {
  insert(token: RefreshToken): Promise<void>
  /**
   * How it stands with a token, by one statement that reads a token, a session and a user also where there is no such
   * token: those of the next one there is. So the time tells nothing of what is wrong with it.
   */
  find(digest: string): Promise<RefreshTokenStanding | undefined>
  /**
   * Uses a token up, in one statement: of many who try at once, one is answered with the session. Everyone else gets
   * `undefined`, as does who brings a token that is unknown, used, too old, or of a session that is over or a user who is disabled.
   */
  use(digest: string, use: { at: number; successorSealed: string }): Promise<SessionId | undefined>
  findUsed(digest: string): Promise<UsedRefreshToken | undefined>
  /**
   * A token, used or too old as it may be, whose session lives, in one statement: who brings one that is unknown, and
   * who brings one of a session that is over, cost the same.
   */
  findLive(digest: string, now: number): Promise<LiveRefreshToken | undefined>
}

export type RevocationStore = {
  /** Ends published after `sequence`, in order, of sessions whose access tokens may still live at `now`. */
  after(sequence: number, page: { now: number; limit: number }): Promise<Revocation[]>
  /**
   * `newest`: the number of the newest end, whether anybody still needs to know of it or not; 0 before the first. After
   * a restore no end up to `since` is told any more, and every list before `firstList` is over.
   */
  bounds(): Promise<{ since: number; newest: number; firstList: number }>
}

/** What the nodes on one database tell each other, where the database carries it. */
export type News = {
  /** News come by themselves: this was tried in the last seconds. Where not, the database must be asked. */
  isHeard(): boolean
  /** Begins to listen. Once is enough: a lost connection is made anew. */
  listen(listener: NewsListener): void
  close(): Promise<void>
}

export type NewsListener = {
  /** Ends of sessions were committed, the newest of them under this number. */
  onEnds(sequence: number): void
  /** `isHeard` has changed: something may have been missed. The reason, where news are heard no longer. */
  onChange(reason: Error | undefined): void
}

export type StatusListStore = {
  /** The seed of the installation: the first that was ever brought, whoever brought it. */
  seed(candidate: string): Promise<string>
  /** The lists of sessions that may last beyond `at`, in order: none from before a backup was put back. */
  live(at: number): Promise<number[]>
}

/** What is known of backups that were put back. */
export type RestoreStore = {
  /** Says whether this database is a backup on which nobody has begun anew. */
  isCopy(): Promise<boolean>
  /**
   * Gives numbers to sessions and to their ends from these on, or later where others of this database reach beyond
   * them. All lists but the first new one are over; that one is published until `neededUntil`, so that everybody can
   * tell.
   */
  beginAnew(from: { at: number; atLeast: { list: number; sequence: number }; neededUntil: number }): Promise<void>
}

export type AuditStore = {
  append(event: AuditEvent): Promise<void>
  /** Adds each to the line of the same window, or begins it. No window may come twice. */
  tally(lines: readonly { windowKey: string; event: AuditEvent }[]): Promise<void>
  /** A user's own lines, newest first, after the line `afterId`. `undefined` where that is not a line of this user. */
  listOf(userId: UserId, page: { afterId: string | undefined; limit: number }): Promise<AuditEvent[] | undefined>
}

export type SigningKeyStore = {
  /** Stores the first key of an installation. Answers false where there is one already. */
  insertFirst(key: StoredSigningKey): Promise<boolean>
  insert(key: StoredSigningKey): Promise<void>
  /** The oldest first. */
  list(): Promise<StoredSigningKey[]>
  /** Notes that the key may sign tokens that live this long; a shorter life than before changes nothing. */
  recordTokenLife(id: string, seconds: number): Promise<void>
}

export type ApiCredentialStore = {
  /** Answers false, and changes nothing, where the name is taken, by a revoked one too. */
  insert(credential: ApiCredential): Promise<boolean>
  /** Revoked ones too: it is for the caller to look. */
  findByDigest(digest: string): Promise<ApiCredential | undefined>
  findByName(name: string): Promise<ApiCredential | undefined>
  /** Revoked ones too, in the order of their names. */
  list(): Promise<ApiCredential[]>
  recordUse(id: ApiCredentialId, at: number): Promise<void>
  /** Answers false where it has been revoked before. */
  revoke(id: ApiCredentialId, at: number): Promise<boolean>
}

/** What limits have counted, for all nodes on one database. Each is one statement, so no two attempts count as one. */
export type AttemptStore = {
  /**
   * Counts an attempt at `at`, in the window that the key's first one began; in a new one where that is over. Beyond one
   * more than `most` it is not counted on. Answers the count with this attempt, and when the window ends.
   */
  count(
    key: string,
    window: { at: number; windowMilliseconds: number; most: number },
  ): Promise<{ count: number; resetsAt: number }>
  /** Takes one attempt back, where the window is not over. */
  giveBack(key: string, at: number): Promise<void>
  forget(key: string): Promise<void>
}

/** A piece of a table: the `limit` rows after the number `after`, of which those go that are over since `at`. */
export type Piece = { after: number; at: number; limit: number }

/**
 * Removes what nobody can need any more, in pieces, so that nobody waits for it. `next` is where the next piece begins;
 * `undefined` after the last. Several processes may walk over one table: a row goes once.
 */
export type ExpiryStore = {
  /**
   * Sessions whose access tokens are dead and that can give no new ones, with their refresh tokens: at most `limit` of
   * each. A refresh token is kept as long as its session: one that comes back must still end it.
   */
  removeSessions(piece: Piece): Promise<{ sessions: number; refreshTokens: number; next: number | undefined }>
  /** Ends of sessions whose access tokens are dead. */
  removeRevocations(piece: Piece): Promise<{ revocations: number; next: number | undefined }>
  /** At most `limit` counts of limits whose window is over. */
  removeAttempts(piece: { at: number; limit: number }): Promise<{ attempts: number }>
  /** Status lists whose sessions are all too old: one row for each 65,536 sessions. */
  removeLists(at: number): Promise<{ statusLists: number }>
}
