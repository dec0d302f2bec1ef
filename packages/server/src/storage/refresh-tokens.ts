import { type Kysely, sql } from 'kysely'
import type { RefreshToken } from '../domain/refresh-token.ts'
import type { SessionId } from '../domain/session.ts'
import type { RefreshTokenStore } from '../domain/store.ts'
import type { UserId } from '../domain/user.ts'
import { prepareQuery } from './prepared-query.ts'
import type { Schema } from './schema.ts'

type TokenUse = { digest: string; at: number; successorSealed: string }

const insertToken = prepareQuery((database, token: RefreshToken) =>
  database.insertInto('refresh_tokens').values({
    digest: token.digest,
    session_id: token.sessionId,
    created_at: token.createdAt,
    expires_at: token.expiresAt,
  }),
)

const nearestToken = prepareQuery((database, { digest }: { digest: string }) =>
  database
    .selectFrom('refresh_tokens')
    // Left, so that the one token is looked up first: an inner join may begin at the users.
    .leftJoin('sessions', 'sessions.id', 'refresh_tokens.session_id')
    .leftJoin('users', 'users.id', 'sessions.user_id')
    .select(({ eb, lit }) => [
      eb.case().when('refresh_tokens.digest', '=', digest).then(lit(1)).else(lit(0)).end().as('is_this_one'),
      'refresh_tokens.expires_at',
      'refresh_tokens.used_at',
    ])
    .select(['sessions.revoked_at', 'sessions.expires_at as session_expires_at', 'users.is_active'])
    .where('refresh_tokens.digest', '>=', digest)
    .orderBy('refresh_tokens.digest')
    // In the text: SQLite plans a statement anew for each limit that is given as a value.
    .limit(sql.lit(1)),
)

const useToken = prepareQuery((database, { digest, at, successorSealed }: TokenUse) =>
  database
    .updateTable('refresh_tokens')
    .set({ used_at: at, successor_sealed: successorSealed })
    .where('digest', '=', digest)
    .where('used_at', 'is', null)
    .where('expires_at', '>', at)
    .where('session_id', 'in', (inside) =>
      inside
        .selectFrom('sessions')
        .innerJoin('users', 'users.id', 'sessions.user_id')
        .select('sessions.id')
        .whereRef('sessions.id', '=', 'refresh_tokens.session_id')
        .where('sessions.revoked_at', 'is', null)
        .where('sessions.expires_at', '>', at)
        .where('users.is_active', '=', 1),
    )
    .returning('session_id'),
)

const tokenByDigest = prepareQuery((database, { digest }: { digest: string }) =>
  database
    .selectFrom('refresh_tokens')
    .select(['session_id', 'used_at', 'successor_sealed'])
    .where('digest', '=', digest),
)

const liveToken = prepareQuery((database, { digest, now }: { digest: string; now: number }) =>
  database
    .selectFrom('refresh_tokens')
    .innerJoin('sessions', 'sessions.id', 'refresh_tokens.session_id')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .selectAll('refresh_tokens')
    .select(['users.id as user_id', 'users.email', 'users.created_at as user_created_at', 'users.last_login'])
    .where('refresh_tokens.digest', '=', digest)
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', now)
    .where('users.is_active', '=', 1),
)

export function refreshTokenStore(database: Kysely<Schema>): RefreshTokenStore {
  return {
    insert: async (token) => {
      await insertToken(database, token)
    },

    find: async (digest) => {
      const { rows } = await nearestToken(database, { digest })
      const standing = rows.map((row) => ({
        isUsed: row.used_at !== null,
        expiresAt: row.expires_at,
        isSessionOpen: row.revoked_at === null && row.is_active === 1,
        sessionExpiresAt: row.session_expires_at ?? 0,
      }))
      return rows[0]?.is_this_one === 1 ? standing[0] : undefined
    },

    use: async (digest, use) => {
      const { rows } = await useToken(database, { digest, ...use })
      return rows[0] && (rows[0].session_id as SessionId)
    },

    findUsed: async (digest) => {
      const { rows } = await tokenByDigest(database, { digest })
      const [row] = rows
      if (!row || row.used_at === null || row.successor_sealed === null) return undefined
      return {
        sessionId: row.session_id as SessionId,
        usedAt: row.used_at,
        successorSealed: row.successor_sealed,
      }
    },

    findLive: async (digest, now) => {
      const { rows } = await liveToken(database, { digest, now })
      const [row] = rows
      if (!row) return undefined
      return {
        token: {
          digest: row.digest,
          sessionId: row.session_id as SessionId,
          createdAt: row.created_at,
          expiresAt: row.expires_at,
        },
        usedAt: row.used_at ?? undefined,
        profile: {
          id: row.user_id as UserId,
          email: row.email,
          createdAt: row.user_created_at,
          lastLoginAt: row.last_login ?? undefined,
        },
      }
    },
  }
}
