import { type Kysely, type Selectable, sql } from 'kysely'
import type { UserStore } from '../domain/store.ts'
import type { User, UserId } from '../domain/user.ts'
import { prepareQuery } from './prepared-query.ts'
import type { Schema } from './schema.ts'

type UserRow = Selectable<Schema['users']>

/**
 * The first account at or after an email, or else the last before it: a look-up that finds nothing would be quicker than
 * one that does.
 */
const nearestUser = prepareQuery((database, { email }: { email: string }) => {
  const one = sql<number>`1`
  const users = database.selectFrom('users').selectAll()
  const following = users.where('email', '>=', email).orderBy('email').limit(one).as('following')
  const last = users.orderBy('email', 'desc').limit(one).as('last')
  const behindAll = database.selectFrom(last).selectAll()
  return database.selectFrom(following).selectAll().unionAll(behindAll).limit(one)
})

const insertUser = prepareQuery((database, row: UserRow) =>
  database
    .insertInto('users')
    .values(row)
    .onConflict((conflict) => conflict.column('email').doNothing()),
)

const userByEmail = prepareQuery((database, { email }: { email: string }) =>
  database.selectFrom('users').selectAll().where('email', '=', email),
)

function userById(database: Kysely<Schema>, { id }: { id: UserId }) {
  return database.selectFrom('users').selectAll().where('id', '=', id)
}

const readUser = prepareQuery(userById)
const holdUser = prepareQuery((database, given: { id: UserId }) => userById(database, given).forNoKeyUpdate())

const recordLogin = prepareQuery((database, { id, at }: { id: UserId; at: number }) =>
  database.updateTable('users').set({ last_login: at }).where('id', '=', id),
)

type UserNetwork = { id: UserId; network: string }

const knownNetwork = prepareQuery((database, { id, network }: UserNetwork) =>
  database.selectFrom('known_networks').select('network').where('user_id', '=', id).where('network', '=', network),
)

const rememberNetwork = prepareQuery((database, { id, network, at }: UserNetwork & { at: number }) =>
  database
    .insertInto('known_networks')
    .values({ user_id: id, network, last_login: at })
    .onConflict((conflict) => conflict.columns(['user_id', 'network']).doUpdateSet({ last_login: at })),
)

export function userStore(database: Kysely<Schema>): UserStore {
  return {
    insert: async (user) => {
      const { numAffectedRows } = await insertUser(database, toRow(user))
      return numAffectedRows === 1n
    },

    findByEmail: async (email) => {
      const { rows } = await userByEmail(database, { email })
      const [row] = rows
      return row && toUser(row)
    },

    findOrDecoy: async (email, decoy) => {
      const { rows } = await nearestUser(database, { email })
      const nearest = rows[0] && toUser(rows[0])
      const isKnown = nearest?.email === email
      return { user: isKnown ? nearest : decoy, isKnown }
    },

    findById: async (id) => {
      const { rows } = await (database.isTransaction ? holdUser : readUser)(database, { id })
      const [row] = rows
      return row && toUser(row)
    },

    list: async ({ afterEmail, limit }) => {
      let query = database.selectFrom('users').selectAll().orderBy('email').limit(limit)
      if (afterEmail !== undefined) query = query.where('email', '>', afterEmail)
      return (await query.execute()).map(toUser)
    },

    recordLogin: async (id, at) => {
      await recordLogin(database, { id, at })
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
      const { rows } = await knownNetwork(database, { id, network })
      return rows.length > 0
    },

    rememberNetwork: async (id, network, at) => {
      await rememberNetwork(database, { id, network, at })
    },
  }
}

function toRow(user: User): UserRow {
  return {
    id: user.id,
    email: user.email,
    password_hash: user.passwordHash,
    created_at: user.createdAt,
    last_login: user.lastLoginAt ?? null,
    is_active: Number(user.isActive),
  }
}

function toUser(row: UserRow): User {
  return {
    id: row.id as UserId,
    email: row.email,
    passwordHash: row.password_hash,
    createdAt: row.created_at,
    lastLoginAt: row.last_login ?? undefined,
    isActive: row.is_active === 1,
  }
}
