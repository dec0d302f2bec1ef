import type { Kysely, Selectable } from 'kysely'
import type { UserStore } from '../domain/store.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Schema } from './schema.ts'

export function userStore(database: Kysely<Schema>): UserStore {
  return {
    insert: async (user) => {
      const inserted = await database
        .insertInto('users')
        .values(toRow(user))
        .onConflict((conflict) => conflict.column('email').doNothing())
        .executeTakeFirst()
      return inserted.numInsertedOrUpdatedRows === 1n
    },

    findByEmail: async (email) => {
      const row = await database.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst()
      return row && toUser(row)
    },

    findOrDecoy: async (email, decoy) => {
      const stand = toRow(decoy)
      const row = await database
        .selectFrom(database.selectNoFrom(({ lit }) => lit(1).as('one')).as('always'))
        .leftJoin('users', (join) => join.on('users.email', '=', email))
        .select(({ fn, val }) => [
          fn.coalesce('users.id', val(stand.id)).as('id'),
          fn.coalesce('users.email', val(stand.email)).as('email'),
          fn.coalesce('users.password_hash', val(stand.password_hash)).as('password_hash'),
          fn.coalesce('users.created_at', val(stand.created_at)).as('created_at'),
          fn.coalesce('users.last_login', val(stand.last_login)).as('last_login'),
          fn.coalesce('users.is_active', val(stand.is_active)).as('is_active'),
        ])
        .executeTakeFirstOrThrow()
      return { user: toUser(row), isKnown: row.id !== stand.id }
    },

    findById: async (id) => {
      const user = database.selectFrom('users').selectAll().where('id', '=', id)
      const row = await (database.isTransaction ? user.forNoKeyUpdate() : user).executeTakeFirst()
      return row && toUser(row)
    },

    list: async ({ afterEmail, limit }) => {
      let query = database.selectFrom('users').selectAll().orderBy('email').limit(limit)
      if (afterEmail !== undefined) query = query.where('email', '>', afterEmail)
      return (await query.execute()).map(toUser)
    },

    recordLogin: async (id, at) => {
      await database.updateTable('users').set({ last_login: at }).where('id', '=', id).execute()
    },

    replacePasswordHash: async (id, { oldHash, newHash }) => {
      const updated = await database
        .updateTable('users')
        .set({ password_hash: newHash })
        .where('id', '=', id)
        .where('password_hash', '=', oldHash)
        .executeTakeFirst()
      return updated.numUpdatedRows === 1n
    },

    setActive: async (id, isActive) => {
      const updated = await database
        .updateTable('users')
        .set({ is_active: Number(isActive) })
        .where('id', '=', id)
        .where('is_active', '=', Number(!isActive))
        .executeTakeFirst()
      return updated.numUpdatedRows === 1n
    },

    knowsNetwork: async (id, network) => {
      const row = await database
        .selectFrom('known_networks')
        .select('network')
        .where('user_id', '=', id)
        .where('network', '=', network)
        .executeTakeFirst()
      return row !== undefined
    },

    rememberNetwork: async (id, network, at) => {
      await database
        .insertInto('known_networks')
        .values({ user_id: id, network, last_login: at })
        .onConflict((conflict) => conflict.columns(['user_id', 'network']).doUpdateSet({ last_login: at }))
        .execute()
    },
  }
}

function toRow(user: User): Selectable<Schema['users']> {
  return {
    id: user.id,
    email: user.email,
    password_hash: user.passwordHash,
    created_at: user.createdAt,
    last_login: user.lastLoginAt ?? null,
    is_active: Number(user.isActive),
  }
}

function toUser(row: Selectable<Schema['users']>): User {
  return {
    id: row.id as UserId,
    email: row.email,
    passwordHash: row.password_hash,
    createdAt: row.created_at,
    lastLoginAt: row.last_login ?? undefined,
    isActive: row.is_active === 1,
  }
}
