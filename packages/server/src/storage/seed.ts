import { CompiledQuery, type Insertable, type Kysely } from 'kysely'
import { sessionsPerList } from '../domain/status-list.ts'
import type { Engine } from './engine.ts'
import { hold } from './locks.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** How much to make, and of what. */
export type SeedPlan = {
  users: number
  sessions: number
  events: number
  /** The one of every account: hashing a million passwords would take days. */
  passwordHash: string
  /** Milliseconds since the epoch: sessions began in the 30 days before, events happened in the 90 before. */
  now: number
  newId(): string
  /** Says that it is meant, where there are accounts already. */
  isAddition: boolean
}

export type SeedProgress = { table: string; done: number; total: number }

const tables = ['users', 'known_networks', 'sessions', 'refresh_tokens', 'auth_events'] as const
const day = 86_400_000
const rowsPerBatch = 20_000
/** The exponent of a power law: the higher, the fewer people do most of what is done. */
const skew = 1.5

const agents = ['Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', 'Mozilla/5.0 (iPhone) Safari/605.1', 'okhttp/5.1']
const deeds = ['login', 'refresh', 'login', 'refresh', 'login', 'logout', 'login_failed', 'refresh', 'login', 'logout']

/**
 * Fills a database with accounts, sessions of a refresh token each, and audit lines, for measurements and nothing else.
 * Some people do much and most do little; three sessions of ten were ended. Ids ascend with their rows, so that indexes
 * are filled in order; the rows of one person lie far apart all the same. Nobody holds the tokens.
 *
 * A database without accounts has no indexes meanwhile: where it is broken off, the database is of no use.
 *
 * @throws {Error} where there are accounts already and it is no addition
 */
export async function seed(
  database: Kysely<Schema>,
  engine: Engine,
  plan: SeedPlan,
  onProgress: (progress: SeedProgress) => void,
): Promise<void> {
  const first = await countUsers(database)
  if (first > 0 && !plan.isAddition) throw new Error(`Cannot seed this database: it has ${first} accounts already`)

  // What is there already may be in use, and is many rows to index again.
  const indexes = plan.isAddition ? [] : await engine.indexesOf(database, tables)
  for (const { drop } of indexes) await database.executeQuery(CompiledQuery.raw(drop))

  const fill = filler(database, engine, onProgress)
  const userIds = Array.from({ length: plan.users }, (_, at) => ordered(plan.newId(), at / plan.users))
  await fill('users', plan.users, usersOf(plan, userIds, first))
  await fill('known_networks', plan.users, networksOf(plan, userIds))
  const sessionIds = await fillSessions(database, fill, plan, userIds)
  await fill('refresh_tokens', plan.sessions, tokensOf(plan, sessionIds))
  await fill('auth_events', plan.events, eventsOf(plan, userIds))

  for (const [at, { make }] of indexes.toReversed().entries()) {
    await database.executeQuery(CompiledQuery.raw(make))
    onProgress({ table: 'indexes', done: at + 1, total: indexes.length })
  }
  await engine.takeStock(database)
}

async function countUsers(database: Kysely<Schema>): Promise<number> {
  const { count } = await database
    .selectFrom('users')
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

type Fill = <Table extends keyof Schema>(
  table: Table,
  total: number,
  rows: Iterable<Insertable<Schema[Table]>>,
) => Promise<void>

function filler(database: Kysely<Schema>, engine: Engine, onProgress: (progress: SeedProgress) => void): Fill {
  return async (table, total, rows) => {
    const iterator = rows[Symbol.iterator]()
    for (let done = 0; done < total; ) {
      const batch = take(iterator, Math.min(rowsPerBatch, total - done))
      if (batch.length === 0) throw new Error(`Cannot seed ${table}: ${done} rows were made of ${total}`)
      await engine.pour(database, table, batch)
      done += batch.length
      onProgress({ table, done, total })
    }
  }
}

/** Leaves the iterator open, unlike its own `take()`. */
function take(iterator: Iterator<object>, most: number): object[] {
  const taken: object[] = []
  while (taken.length < most) {
    const next = iterator.next()
    if (next.done) break
    taken.push(next.value)
  }
  return taken
}

function* usersOf({ users, passwordHash, now }: SeedPlan, userIds: string[], first: number) {
  for (const [at, id] of userIds.entries()) {
    const email = `user${String(first + at).padStart(7, '0')}@bench.example`
    const created_at = Math.floor(now - (1 - at / users) * 365 * day)
    yield { id, email, password_hash: passwordHash, created_at, last_login: now - (at % 30) * day, is_active: 1 }
  }
}

function* networksOf({ now }: SeedPlan, userIds: string[]) {
  for (const [at, user_id] of userIds.entries()) {
    yield { user_id, network: addressOf(at), last_login: now - (at % 30) * day }
  }
}

/** Also publishes the ends that verifiers must still know of, and notes until when the lists are needed. */
async function fillSessions(database: Kysely<Schema>, fill: Fill, plan: SeedPlan, userIds: string[]) {
  const { now, sessions, newId } = plan
  const sessionIds = Array.from({ length: sessions }, (_, at) => ordered(newId(), at / sessions))
  await fill('sessions', sessions, sessionsOf(plan, userIds, sessionIds))

  await inTransaction(database, async (inside) => {
    await hold(inside, 'revocations')
    await inside
      .insertInto('revocations')
      .columns(['session_id', 'session_number', 'access_expires_at', 'created_at'])
      .expression((from) =>
        from
          .selectFrom('sessions')
          .select(['id', 'number', 'access_expires_at', 'revoked_at'])
          .where('revoked_at', 'is not', null)
          .where('access_expires_at', '>', now)
          .orderBy('number'),
      )
      .onConflict((conflict) => conflict.column('session_id').doNothing())
      .execute()
  })

  const { last } = await database
    .selectFrom('sessions')
    .select(({ fn }) => fn.max('number').as('last'))
    .executeTakeFirstOrThrow()
  for (let list = 0; list <= Math.floor(Number(last ?? 0) / sessionsPerList); list += 1) {
    await database
      .insertInto('status_lists')
      .values({ list, expires_at: now + 30 * day })
      .onConflict((conflict) => conflict.column('list').doUpdateSet({ expires_at: now + 30 * day }))
      .execute()
  }
  return sessionIds
}

function* sessionsOf({ sessions, now }: SeedPlan, userIds: string[], sessionIds: string[]) {
  let at = 0
  for (const user of inRounds(userIds.length, sessions)) {
    const created_at = beganAt(at, sessions, now)
    const last_used_at = usedAt(at, sessions, now)
    const revoked_at = at % 10 < 3 ? last_used_at + 1 : null
    yield {
      id: sessionIds[at] ?? '',
      user_id: userIds[user] ?? '',
      created_at,
      last_used_at,
      expires_at: created_at + 30 * day,
      access_expires_at: Math.min(last_used_at + day, created_at + 30 * day),
      ip_address: addressOf(user),
      user_agent: agents[at % agents.length] ?? '',
      revoked_at,
      revoked_reason: revoked_at === null ? null : 'logout',
    }
    at += 1
  }
}

function* tokensOf({ sessions, now }: SeedPlan, sessionIds: string[]) {
  for (const [at, session_id] of sessionIds.entries()) {
    yield {
      // As long as the digests of tokens, which nobody can turn back: no token has this one.
      digest: `${session_id.replaceAll('-', '')}AAAAAAAAAAA`,
      session_id,
      created_at: usedAt(at, sessions, now),
      expires_at: beganAt(at, sessions, now) + 30 * day,
    }
  }
}

function* eventsOf({ events, now, newId }: SeedPlan, userIds: string[]) {
  let at = 0
  for (const user of inRounds(userIds.length, events)) {
    const event_type = deeds[at % deeds.length] ?? 'login'
    const isFailure = event_type === 'login_failed'
    const request_id = newId()
    yield {
      id: ordered(newId(), at / events),
      user_id: userIds[user] ?? null,
      session_id: isFailure ? null : request_id,
      event_type,
      ip_address: addressOf(user),
      user_agent: agents[at % agents.length] ?? '',
      success: isFailure ? 0 : 1,
      failure_reason: isFailure ? 'wrong_password' : null,
      request_id,
      created_at: Math.floor(now - (1 - at / events) * 90 * day),
      count: 1,
    }
    at += 1
  }
}

/** Sessions begin evenly over 30 days, the oldest first. */
function beganAt(at: number, sessions: number, now: number): number {
  return Math.floor(now - (1 - at / sessions) * 30 * day)
}

/** Every second session was refreshed since, at some time. */
function usedAt(at: number, sessions: number, now: number): number {
  const began = beganAt(at, sessions, now)
  return at % 2 === 0 ? began : Math.floor(began + (now - began) * ((at % 97) / 97))
}

/**
 * Whose turn it is, `total` times: in rounds over all who have something left to do, so that what one person does lies
 * far apart. Few do much, by a power law; who they are is spread over all.
 */
function* inRounds(people: number, total: number): Generator<number> {
  const shares = new Uint32Array(people)
  for (let at = 0; at < total; at += 1) {
    const rank = Math.floor(people * ((at + 0.5) / total) ** skew)
    const person = spread(rank, people)
    shares[person] = (shares[person] ?? 0) + 1
  }
  let left = Array.from(shares.keys()).filter((person) => shares[person])
  while (left.length > 0) {
    for (const person of left) {
      yield person
      shares[person] = (shares[person] ?? 0) - 1
    }
    left = left.filter((person) => shares[person])
  }
}

/** Another place for each rank: a step that shares no divisor with the number of people visits all of them. */
function spread(rank: number, people: number): number {
  return (rank * 7_368_787) % people
}

/** The same random id, but for its first 32 bits, which say where between 0 and 1 it stands. */
function ordered(id: string, share: number): string {
  const place = Math.floor(share * 2 ** 32)
  return place.toString(16).padStart(8, '0') + id.slice(8)
}

function addressOf(user: number): string {
  return `10.${(user >> 16) & 255}.${(user >> 8) & 255}.${user & 255}`
}
