import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely'
import type { ExpiryStore } from '../domain/store.ts'
import { endOfPiece } from './pieces.ts'
import type { Schema } from './schema.ts'

export function expiryStore(database: Kysely<Schema>): ExpiryStore {
  return {
    removeSessions: async ({ after, at, limit }) => {
      const next = await endOfPiece(database, 'sessions', { after, limit })
      const upTo = next ?? Number.MAX_SAFE_INTEGER

      // Who uses one of them has it to the end of that: it stays until the next walk, and nobody waits. What another
      // process removes just now is not waited for either.
      const over = await database
        .selectFrom('sessions')
        .select('id')
        .where('number', '>', after)
        .where('number', '<=', upTo)
        .where((is) => isOver(is, at))
        .forUpdate()
        .skipLocked()
        .execute()
      if (over.length === 0) return { refreshTokens: 0, sessions: 0, next }
      const ids = over.map(({ id }) => id)

      const tokens = await database
        .deleteFrom('refresh_tokens')
        .where('digest', 'in', (inside) =>
          inside.selectFrom('refresh_tokens').select('digest').where('session_id', 'in', ids).limit(limit),
        )
        .executeTakeFirst()
      const refreshTokens = Number(tokens.numDeletedRows)
      if (refreshTokens === limit) return { refreshTokens, sessions: 0, next: after }

      const sessions = await database.deleteFrom('sessions').where('id', 'in', ids).executeTakeFirst()
      return { refreshTokens, sessions: Number(sessions.numDeletedRows), next }
    },

    removeRevocations: async ({ after, at, limit }) => {
      const next = await endOfPiece(database, 'revocations', { after, limit })
      const { numDeletedRows } = await database
        .deleteFrom('revocations')
        .where('sequence', '>', after)
        .where('sequence', '<=', next ?? Number.MAX_SAFE_INTEGER)
        .where('access_expires_at', '<=', at)
        // The newest stays: the number that verifiers have heard of must not go back.
        .where('sequence', '<', (inside) =>
          inside.selectFrom('revocations as all').select(({ fn }) => fn.max('all.sequence').as('newest')),
        )
        .executeTakeFirst()
      return { revocations: Number(numDeletedRows), next }
    },

    removeAttempts: async ({ at, limit }) => {
      const { numDeletedRows } = await database
        .deleteFrom('attempts')
        .where('key', 'in', (inside) =>
          inside.selectFrom('attempts').select('key').where('resets_at', '<=', at).orderBy('resets_at').limit(limit),
        )
        .where('resets_at', '<=', at)
        .executeTakeFirst()
      return { attempts: Number(numDeletedRows) }
    },

    removeLists: async (at) => {
      const { numDeletedRows } = await database
        .deleteFrom('status_lists')
        .where('expires_at', '<=', at)
        .executeTakeFirst()
      return { statusLists: Number(numDeletedRows) }
    },
  }
}

/** Its access tokens are dead, and nothing can give new ones: it was ended, or its refresh tokens are dead too. */
function isOver(is: ExpressionBuilder<Schema, 'sessions'>, at: number): Expression<SqlBool> {
  return is.and([
    is('sessions.access_expires_at', '<=', at),
    is.or([
      is('sessions.revoked_at', 'is not', null),
      is.not(
        is.exists(
          is
            .selectFrom('refresh_tokens as live')
            .select('live.digest')
            .whereRef('live.session_id', '=', 'sessions.id')
            .where('live.expires_at', '>', at),
        ),
      ),
    ]),
  ])
}
