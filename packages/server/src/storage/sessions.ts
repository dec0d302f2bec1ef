import type { Kysely, Selectable, UpdateQueryBuilder, UpdateResult } from 'kysely'
import type { NewSession, RevocationReason, Session, SessionId } from '../domain/session.ts'
import { sessionsPerList } from '../domain/status-list.ts'
import type { SessionStore } from '../domain/store.ts'
import type { UserId } from '../domain/user.ts'
import type { TellEnds } from './engine.ts'
import { hold } from './locks.ts'
import { endOfPiece } from './pieces.ts'
import { rowsPerInsert, type Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

const hour = 3_600_000

export function sessionStore(database: Kysely<Schema>, tellEnds: TellEnds): SessionStore {
  /**
   * Ends sessions and numbers their ends. Who follows the numbers never looks back, so they must become visible in
   * their order: they are given out by one transaction at a time, up to its commit.
   */
  async function end(
    these: (sessions: EndingSessions) => EndingSessions,
    { at, reason }: { at: number; reason: RevocationReason },
  ): Promise<number> {
    return inTransaction(database, async (inside) => {
      const ended = await these(
        inside.updateTable('sessions').set({ revoked_at: at, revoked_reason: reason }).where('revoked_at', 'is', null),
      )
        .returning(['id', 'number', 'access_expires_at'])
        .execute()
      if (ended.length > 0) await publish(inside, ended, at)
      return ended.length
    })
  }

  async function publish(inside: Kysely<Schema>, ended: EndedRow[], at: number): Promise<void> {
    await hold(inside, 'revocations')
    const rows = ended.map(({ id, number, access_expires_at }) => ({
      session_id: id,
      session_number: number,
      access_expires_at,
      created_at: at,
    }))
    while (rows.length > 0) {
      await inside.insertInto('revocations').values(rows.splice(0, rowsPerInsert)).execute()
    }
    await tellEnds(inside)
  }

  /**
   * A list is needed as long as one of its sessions can give tokens. Kept by the hour: every login is of the newest list,
   * and must not wait for the one before it to commit.
   */
  async function prolongList(list: number, sessionExpiresAt: number): Promise<void> {
    const expiresAt = Math.ceil(sessionExpiresAt / hour) * hour
    const lasting = database.selectFrom('status_lists').select('list').where('list', '=', list)
    if (await lasting.where('expires_at', '>=', expiresAt).executeTakeFirst()) return

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
      const live = database
        .selectFrom('sessions')
        .innerJoin('users', 'users.id', 'sessions.user_id')
        .selectAll('sessions')
        .select(['users.email', 'users.created_at as user_created_at', 'users.last_login'])
        .where('sessions.id', '=', id)
        .where('sessions.revoked_at', 'is', null)
        .where('sessions.expires_at', '>', now)
        .where('users.is_active', '=', 1)
      const row = await (database.isTransaction ? live.forNoKeyUpdate('sessions') : live).executeTakeFirst()
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

    revoke: async (id, ending) => (await end((sessions) => sessions.where('id', '=', id), ending)) === 1,

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
      end((sessions) => {
        const own = sessions.where('user_id', '=', userId).where('expires_at', '>', ending.at)
        return except === undefined ? own : own.where('id', '!=', except)
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
        (sessions) =>
          sessions
            .where('number', '>', after)
            .where('number', '<=', next ?? upTo)
            .where('expires_at', '>', ending.at),
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

type SessionRow = Omit<Selectable<Schema['sessions']>, 'revoked_at' | 'revoked_reason'>

type EndingSessions = UpdateQueryBuilder<Schema, 'sessions', 'sessions', UpdateResult>

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
