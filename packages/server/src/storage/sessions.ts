import type { Kysely, Selectable } from 'kysely'
import type { NewSession, Session, SessionId } from '../domain/session.ts'
import { sessionsPerList } from '../domain/status-list.ts'
import type { SessionStore } from '../domain/store.ts'
import type { UserId } from '../domain/user.ts'
import type { Schema } from './schema.ts'

/** Engines bound the parameters of one statement; this stays far below each of them. */
const rowsPerInsert = 500

export function sessionStore(database: Kysely<Schema>): SessionStore {
  /** Publishes the end of sessions, so that every verifier learns of it in the order of these numbers. */
  async function publish(ended: EndedRow[], at: number): Promise<void> {
    const rows = ended.map(({ id, number, access_expires_at }) => ({
      session_id: id,
      session_number: number,
      access_expires_at,
      created_at: at,
    }))
    while (rows.length > 0) {
      await database.insertInto('revocations').values(rows.splice(0, rowsPerInsert)).execute()
    }
  }

  /** A list is needed as long as one of its sessions can give tokens. */
  async function prolongList(list: number, expiresAt: number): Promise<void> {
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
      const { number } = await database
        .insertInto('sessions')
        .values({ ...toRow(session), revoked_at: null, revoked_reason: null })
        .returning('number')
        .executeTakeFirstOrThrow()
      await prolongList(Math.floor(number / sessionsPerList), session.expiresAt)
      return { ...session, number }
    },

    findLive: async (id, now) => {
      const row = await database
        .selectFrom('sessions')
        .innerJoin('users', 'users.id', 'sessions.user_id')
        .selectAll('sessions')
        .select(['users.email', 'users.created_at as user_created_at', 'users.last_login'])
        .where('sessions.id', '=', id)
        .where('sessions.revoked_at', 'is', null)
        .where('sessions.expires_at', '>', now)
        .where('users.is_active', '=', 1)
        .executeTakeFirst()
      if (!row) return undefined
      const session = toSession(row)
      const lastLoginAt = row.last_login ?? undefined
      return {
        session,
        profile: { id: session.userId, email: row.email, createdAt: row.user_created_at, lastLoginAt },
      }
    },

    recordUse: async (id, { at, accessExpiresAt }) => {
      await database
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
        .where('id', '=', id)
        .execute()
    },

    revoke: async (id, { at, reason }) => {
      const ended = await database
        .updateTable('sessions')
        .set({ revoked_at: at, revoked_reason: reason })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .returning(['id', 'number', 'access_expires_at'])
        .execute()
      await publish(ended, at)
      return ended.length === 1
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

    revokeAllOf: async (userId, { at, reason, except }) => {
      let query = database
        .updateTable('sessions')
        .set({ revoked_at: at, revoked_reason: reason })
        .where('user_id', '=', userId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', at)
      if (except !== undefined) query = query.where('id', '!=', except)
      const ended = await query.returning(['id', 'number', 'access_expires_at']).execute()
      await publish(ended, at)
      return ended.length
    },

    newest: async () => {
      const { newest } = await database
        .selectFrom('sessions')
        .select(({ fn }) => fn.max('number').as('newest'))
        .executeTakeFirstOrThrow()
      return Number(newest ?? 0)
    },

    revokePiece: async ({ after, upTo, limit }, { at, reason }) => {
      const last = await database
        .selectFrom('sessions')
        .select('number')
        .where('number', '>', after)
        .where('number', '<=', upTo)
        .orderBy('number')
        .limit(1)
        .offset(limit - 1)
        .executeTakeFirst()
      const ended = await database
        .updateTable('sessions')
        .set({ revoked_at: at, revoked_reason: reason })
        .where('number', '>', after)
        .where('number', '<=', last?.number ?? upTo)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', at)
        .returning(['id', 'number', 'access_expires_at'])
        .execute()
      await publish(ended, at)
      return { revoked: ended.length, next: last?.number }
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

type SessionRow = Omit<Selectable<Schema['sessions']>, 'revoked_at' | 'revoked_reason'>

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
