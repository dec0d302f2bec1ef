import type { Kysely, Selectable } from 'kysely'
import type { NewSession, RevocationReason, Session, SessionId } from '../domain/session.ts'
import { sessionsPerList } from '../domain/status-list.ts'
import type { SessionStore } from '../domain/store.ts'
import type { UserId } from '../domain/user.ts'
import type { TellEnds } from './engine.ts'
import { hold } from './locks.ts'
import { endOfPiece } from './pieces.ts'
import { prepareQuery } from './prepared-query.ts'
import { rowsPerInsert, type Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

const hour = 3_600_000

type SessionRow = Omit<Selectable<Schema['sessions']>, 'revoked_at' | 'revoked_reason'>

const insertSession = prepareQuery((database, row: Omit<SessionRow, 'number'>) =>
  database
    .insertInto('sessions')
    .values({ ...row, revoked_at: null, revoked_reason: null })
    .returning('number'),
)

const lastingList = prepareQuery((database, { list, expiresAt }: { list: number; expiresAt: number }) =>
  database.selectFrom('status_lists').select('list').where('list', '=', list).where('expires_at', '>=', expiresAt),
)

type LiveSession = { id: SessionId; now: number }

/** A session that lives, beside its user. */
function fromLive(database: Kysely<Schema>, { id, now }: LiveSession) {
  return database
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .where('sessions.id', '=', id)
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', now)
    .where('users.is_active', '=', 1)
}

function liveSession(database: Kysely<Schema>, given: LiveSession) {
  return fromLive(database, given)
    .selectAll('sessions')
    .select(['users.email', 'users.created_at as user_created_at', 'users.last_login'])
}

/** What every session check asks: four columns, where a whole session would be twelve. */
const readProfile = prepareQuery((database, given: LiveSession) =>
  fromLive(database, given).select(['users.id', 'users.email', 'users.created_at', 'users.last_login']),
)

const readLive = prepareQuery(liveSession)
const holdLive = prepareQuery((database, given: LiveSession) => liveSession(database, given).forNoKeyUpdate('sessions'))

type SessionUse = { id: SessionId; at: number; accessExpiresAt: number }

const recordUse = prepareQuery((database, { id, at, accessExpiresAt }: SessionUse) =>
  database
    .updateTable('sessions')
    // Never less: an earlier token, of a longer lifetime, may still be about.
    .set(({ case: when, ref }) => ({
      last_used_at: at,
      access_expires_at: when()
        .when('access_expires_at', '>', accessExpiresAt)
        .then(ref('access_expires_at'))
        .else(accessExpiresAt)
        .end(),
    }))
    .where('id', '=', id),
)

type Ending = { at: number; reason: RevocationReason }

function endingSessions(database: Kysely<Schema>, { at, reason }: Ending) {
  return database
    .updateTable('sessions')
    .set({ revoked_at: at, revoked_reason: reason })
    .where('revoked_at', 'is', null)
    .returning(['id', 'number', 'access_expires_at'])
}

const endSession = prepareQuery((database, { id, ...ending }: Ending & { id: SessionId }) =>
  endingSessions(database, ending).where('id', '=', id),
)

type EndRow = Omit<Selectable<Schema['revocations']>, 'sequence'>

const insertEnd = prepareQuery((database, row: EndRow) => database.insertInto('revocations').values(row))

export function sessionStore(database: Kysely<Schema>, tellEnds: TellEnds): SessionStore {
  /**
   * Ends sessions and numbers their ends. Who follows the numbers never looks back, so they must become visible in
   * their order: they are given out by one transaction at a time, up to its commit.
   */
  async function end(these: (inside: Kysely<Schema>) => Promise<EndedRow[]>, { at }: Ending): Promise<number> {
    return inTransaction(database, async (inside) => {
      const ended = await these(inside)
      if (ended.length > 0) await publish(inside, ended, at)
      return ended.length
    })
  }

  async function publish(inside: Kysely<Schema>, ended: EndedRow[], at: number): Promise<void> {
    await hold(inside, 'revocations')
    const [first, ...others] = ended.map(({ id, number, access_expires_at }) => ({
      session_id: id,
      session_number: number,
      access_expires_at,
      created_at: at,
    }))
    // Mostly it is one.
    if (first) await insertEnd(inside, first)
    while (others.length > 0) {
      await inside.insertInto('revocations').values(others.splice(0, rowsPerInsert)).execute()
    }
    await tellEnds(inside)
  }

  /**
   * A list is needed as long as one of its sessions can give tokens. Kept by the hour: every login is of the newest list,
   * and must not wait for the one before it to commit.
   */
  async function prolongList(list: number, sessionExpiresAt: number): Promise<void> {
    const expiresAt = Math.ceil(sessionExpiresAt / hour) * hour
    const { rows } = await lastingList(database, { list, expiresAt })
    if (rows.length > 0) return

    await database
      .insertInto('status_lists')
      .values({ list, expires_at: expiresAt })
      .onConflict((conflict) =>
        conflict.column('list').doUpdateSet({ expires_at: expiresAt }).where('status_lists.expires_at', '<', expiresAt),
      )
      .execute()
  }

  return {
    insert: async (session) => {
      const { rows } = await insertSession(database, toRow(session))
      const [{ number }] = rows as [{ number: number }]
      await prolongList(Math.floor(number / sessionsPerList), session.expiresAt)
      return { ...session, number }
    },

    findLive: async (id, now) => {
      const { rows } = await (database.isTransaction ? holdLive : readLive)(database, { id, now })
      const [row] = rows
      if (!row) return undefined
      const session = toSession(row)
      const lastLoginAt = row.last_login ?? undefined
      return {
        session,
        profile: { id: session.userId, email: row.email, createdAt: row.user_created_at, lastLoginAt },
      }
    },

    findProfile: async (id, now) => {
      const { rows } = await readProfile(database, { id, now })
      const [row] = rows
      if (!row) return undefined
      const { email, created_at: createdAt, last_login } = row
      return { id: row.id as UserId, email, createdAt, lastLoginAt: last_login ?? undefined }
    },

    recordUse: async (id, use) => {
      await recordUse(database, { id, ...use })
    },

    revoke: async (id, ending) => {
      const ended = await end(async (inside) => (await endSession(inside, { id, ...ending })).rows, ending)
      return ended === 1
    },

    listLiveOf: async (userId, { now, usedSince, limit }) => {
      const rows = await database
        .selectFrom('sessions')
        .selectAll()
        .select(({ fn }) => fn.countAll().over().as('count'))
        .where('user_id', '=', userId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .where((is) => is.or([is('last_used_at', '>', usedSince), is('access_expires_at', '>', now)]))
        .orderBy('last_used_at', 'desc')
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .limit(limit)
        .execute()
      return { sessions: rows.map(toSession), count: Number(rows[0]?.count ?? 0) }
    },

    revokeAllOf: async (userId, { except, ...ending }) =>
      end(async (inside) => {
        const own = endingSessions(inside, ending).where('user_id', '=', userId).where('expires_at', '>', ending.at)
        return (except === undefined ? own : own.where('id', '!=', except)).execute()
      }, ending),

    newest: async () => {
      const { newest } = await database
        .selectFrom('sessions')
        .select(({ fn }) => fn.max('number').as('newest'))
        .executeTakeFirstOrThrow()
      return Number(newest ?? 0)
    },

    revokePiece: async ({ after, upTo, limit }, ending) => {
      const last = await endOfPiece(database, 'sessions', { after, limit })
      const next = last !== undefined && last < upTo ? last : undefined
      const revoked = await end(
        (inside) =>
          endingSessions(inside, ending)
            .where('number', '>', after)
            .where('number', '<=', next ?? upTo)
            .where('expires_at', '>', ending.at)
            .execute(),
        ending,
      )
      return { revoked, next }
    },

    voidAll: async ({ at, reason }) => {
      const { numUpdatedRows } = await database
        .updateTable('sessions')
        .set({ revoked_at: at, revoked_reason: reason })
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', at)
        .executeTakeFirst()
      return Number(numUpdatedRows)
    },
  }
}

type EndedRow = Pick<SessionRow, 'id' | 'number' | 'access_expires_at'>

function toRow(session: NewSession): Omit<SessionRow, 'number'> {
  return {
    id: session.id,
    user_id: session.userId,
    created_at: session.createdAt,
    last_used_at: session.lastUsedAt,
    expires_at: session.expiresAt,
    access_expires_at: session.accessExpiresAt,
    ip_address: session.ipAddress,
    user_agent: session.userAgent,
  }
}

function toSession(row: SessionRow): Session {
  return {
    id: row.id as SessionId,
    number: row.number,
    userId: row.user_id as UserId,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    accessExpiresAt: row.access_expires_at,
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
  }
}
