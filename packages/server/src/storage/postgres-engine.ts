import { type QueryExecutorProvider, sql } from 'kysely'
import { Refusal } from '../domain/refusal.ts'
import { Conflict } from './conflict.ts'
import type { Engine, Index, TellEnds } from './engine.ts'
import { readPostgresAddress } from './postgres-address.ts'
import { type PostgresUse, postgresDialect, timeouts } from './postgres-dialect.ts'
import { postgresNews, tellEnds } from './postgres-news.ts'
import { postgresPour } from './postgres-pour.ts'
import type { Upkeep } from './upkeep.ts'

/** Any number that nobody else locks: which one says nothing. */
const migrationLock = sql.lit(7_263_941_180_552)

/** @throws {Error} where the URL cannot be used */
export function postgresEngine(url: string, use: PostgresUse): Engine {
  const address = readPostgresAddress(url)
  return {
    named: address.named,
    isExposed: address.isExposed,
    isUnverified: address.isUnverified,
    lostTimeouts: async (database) => {
      const { rows } = await sql<{ name: string }>`
        select name from unnest(array[${sql.join(timeouts.map((name) => sql.lit(name)))}]) as name
        where current_setting(name, true) = '0'`.execute(database)
      return rows.map(({ name }) => name)
    },
    isShared: true,
    dialect: postgresDialect(address, use),
    words: {
      integer: sql`bigint`,
      // Without it the order, and the indexes with it, would change with the libraries of the server's system.
      text: sql`text collate "C"`,
      numbered: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
      // It must see in the table whether a row is visible, until the table was vacuumed.
      readsIndexAlone: false,
      strict: (table) => table,
    },
    eventOwner: sql.ref('user_id'),
    listTables: async (database) => {
      const { rows } = await sql<{ name: string }>`
        select tablename as name from pg_catalog.pg_tables where schemaname = current_schema()`.execute(database)
      return rows.map(({ name }) => name)
    },
    holdMigrations: async (transaction) => {
      // Also where the role's own settings would cut it off.
      await sql`select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`.execute(
        transaction,
      )
      // Some engines refuse it, and some answer and lock nothing: the record of migrations keeps others out as well.
      await succeeds(transaction, () => sql`select pg_advisory_xact_lock(${migrationLock})`.execute(transaction))
    },
    boundWaits: async (transaction) => {
      // Who waits for a table holds up everyone who comes after: better to give up and be started again.
      await sql`select set_config('lock_timeout', ${sql.lit(`${use.lockTimeoutSeconds}s`)}, true)`.execute(transaction)
    },
    tellEnds: whereItCan(tellEnds),
    // What is visible there is on its disk already, unless the operator took that on himself.
    settle: async () => {},
    newsOf: (database) => postgresNews(database, address, use),
    patientDialect: postgresDialect(address, { ...use, poolSize: 1, statementTimeoutSeconds: undefined }),
    upkeep: () => postgresUpkeep,
    // Its own tools make the copies, and mark none: whoever puts one back says so by `latchkey restored`.
    isCopy: async () => false,
    unmarkCopy: async () => {},
    // Needs no lock on the table, and where the transaction is undone there is a gap, which nobody minds.
    numberFrom: async (database, table, number) => {
      const column = table === 'sessions' ? 'number' : 'sequence'
      await sql`select setval(pg_get_serial_sequence(${table}, ${column}), ${number}, false)`.execute(database)
    },
    pour: postgresPour(address, use),
    indexesOf,
    takeStock: async (database) => {
      // By name: without names it would be every table of the database, of other programs too.
      const tables = ['users', 'known_networks', 'sessions', 'refresh_tokens', 'revocations', 'auth_events']
      await sql`analyze ${sql.join(tables.map((table) => sql.table(table)))}`.execute(database)
    },
  }
}

/** Keys that refer to others go first: they hang on the constraints of those, and constraints on nothing. */
async function indexesOf(database: QueryExecutorProvider, tables: readonly string[]): Promise<Index[]> {
  const { rows } = await sql<Index>`
    with tables as (select oid from pg_class where oid in (${sql.join(tables.map((table) => sql`${table}::regclass`))})),
    constraints as (select * from pg_constraint where conrelid in (select oid from tables) and contype in ('f', 'p', 'u'))
    select drop, make from (
      select case contype when 'f' then 1 else 2 end as turn,
             format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop,
             format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as make
      from constraints
      union all
      select 3, format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
      from pg_index where indrelid in (select oid from tables) and indexrelid not in (select conindid from constraints)
    ) as indexes order by turn`.execute(database)
  return rows
}

/** Its own tools do it better than a program beside it, and most who run one already use them. */
const postgresUpkeep: Upkeep = {
  backUp: async () => {
    throw new Error('Cannot back up a Postgres: use pg_dump, or the backups of who runs it')
  },
  check: async () => {
    throw new Error('Cannot check a Postgres: use pg_amcheck, and latchkey migrate status for the migrations')
  },
}

/** Some engines that speak as Postgres does have no NOTIFY: the first to tell finds out, and a logout holds all the same. */
function whereItCan(tell: TellEnds): TellEnds {
  let isPossible: boolean | undefined

  return async (transaction) => {
    if (isPossible === false) return
    if (isPossible) return tell(transaction)
    isPossible = await succeeds(transaction, () => tell(transaction))
  }
}

/** Tries what not every engine can. Where it fails the transaction goes on as if nothing had been tried. */
async function succeeds(transaction: QueryExecutorProvider, work: () => Promise<unknown>): Promise<boolean> {
  await sql`savepoint before_trying`.execute(transaction)
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof Refusal || error instanceof Conflict) throw error
    await sql`rollback to savepoint before_trying`.execute(transaction)
    return false
  }
}
