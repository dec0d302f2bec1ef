import { CompiledQuery, DummyDriver, Kysely } from 'kysely'
import type { Engine, TableWords } from './engine.ts'
import * as usersAndSessions from './migrations/0001-users-and-sessions.ts'
import * as apiCredentials from './migrations/0002-api-credentials.ts'
import * as locks from './migrations/0003-locks.ts'
import * as restores from './migrations/0004-restores.ts'
import * as attempts from './migrations/0005-attempts.ts'
import * as eventsByUser from './migrations/0006-events-by-user.ts'
import * as eventsByOwner from './migrations/0007-events-by-owner.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

type Migration = { up(database: Kysely<unknown>, words: TableWords): Promise<void> }

/** Every migration, by the name under which it is recorded, in order. One that has shipped is never edited. */
const migrations: Record<string, Migration> = {
  '0001-users-and-sessions': usersAndSessions,
  '0002-api-credentials': apiCredentials,
  '0003-locks': locks,
  '0004-restores': restores,
  '0005-attempts': attempts,
  '0006-events-by-user': eventsByUser,
  '0007-events-by-owner': eventsByOwner,
}
const names = Object.keys(migrations)

/** Where it is recorded what was applied. Kysely's own migrator made these first, and its second table is of no more use. */
const recordTable = 'kysely_migration'
const recordTables = [recordTable, 'kysely_migration_lock']

export type MigrationStatus = { name: string; appliedAt: string | undefined }

export type Migrations = {
  /** Who applied this one made the database. */
  first: string
  /**
   * Brings the database up to this program, in one transaction. Of programs that do it at once one does, and the others
   * wait for it. Answers the names of what was done, empty where nothing was due.
   *
   * @throws {Error} where the database is newer than the program, was migrated in part or holds something else, or where
   * a migration fails; nothing is changed then
   */
  up(): Promise<string[]>
  /** The SQL that `up` would run now, statement by statement. Changes nothing. */
  plan(): Promise<string[]>
  /** @throws {Error} where the database is newer than the program, was migrated in part or holds something else */
  status(): Promise<MigrationStatus[]>
  /** The names of what is due. Does not ask whether the database is newer: a program may serve on while it is replaced. */
  due(): Promise<string[]>
}

type Records = { kysely_migration: { name: string; timestamp: string } }

export function migrationsOf(database: Kysely<Schema>, engine: Engine): Migrations {
  async function records(on: Kysely<Schema>, tables: string[]): Promise<Records['kysely_migration'][]> {
    if (!tables.includes(recordTable)) return []
    return on.withTables<Records>().selectFrom('kysely_migration').selectAll().orderBy('name').execute()
  }

  /** What was applied, of a database that this program understands. */
  async function understood(
    on: Kysely<Schema>,
  ): Promise<{ applied: Records['kysely_migration'][]; hasRecords: boolean }> {
    const tables = await engine.listTables(on)
    const applied = await records(on, tables)
    const unknown = applied.map(({ name }) => name).filter((name) => !names.includes(name))
    const others = tables.filter((table) => !recordTables.includes(table)).toSorted()

    if (unknown.length === applied.length && others.length > 0)
      throw unusable(`it holds tables of something else: ${others.join(', ')}`)
    if (unknown.length > 0) throw unusable(`it is newer than this program, which does not know ${unknown.join(', ')}`)
    const skipped = names.slice(0, applied.length).find((name, at) => applied[at]?.name !== name)
    if (skipped) throw unusable(`it was migrated in part: it lacks ${skipped}, and has later ones`)
    const missing = (await tablesOf(applied.map(({ name }) => name))).filter((table) => !tables.includes(table))
    if (missing.length > 0) throw unusable(`it was migrated in part: it lacks the table ${missing.join(', ')}`)
    return { applied, hasRecords: tables.includes(recordTable) }
  }

  async function tablesOf(applied: string[]): Promise<string[]> {
    const statements = await compile(applied, engine)
    return statements.flatMap((statement) => /^create table "(\w+)"/.exec(statement)?.[1] ?? [])
  }

  async function pendingPlan(on: Kysely<Schema>) {
    const { applied, hasRecords } = await understood(on)
    return { pending: names.slice(applied.length), hasRecords }
  }

  async function statementsFor({ pending, hasRecords }: { pending: string[]; hasRecords: boolean }): Promise<string[]> {
    if (pending.length === 0) return []
    const statements = hasRecords ? [] : await makeRecordTable(engine)
    // Recorded before it is done: of programs that do it at once, one alone gets past the first statement.
    for (const name of pending) {
      statements.push(`insert into ${recordTable} (name, timestamp) values ('${name}', '${new Date().toISOString()}')`)
      statements.push(...(await compile([name], engine)))
    }
    return statements
  }

  /** All that is due, or nothing. Answers the names of what was done. */
  async function apply(): Promise<string[]> {
    const patient = engine.patientDialect && new Kysely<Schema>({ dialect: engine.patientDialect })
    try {
      return await inTransaction(patient ?? database, async (inside) => {
        await engine.holdMigrations(inside)
        const plan = await pendingPlan(inside)
        const [first, ...rest] = (await statementsFor(plan)).map((statement) => CompiledQuery.raw(statement))
        if (first) await inside.executeQuery(first)
        await engine.boundWaits(inside)
        for (const statement of rest) await inside.executeQuery(statement)
        return plan.pending
      })
    } finally {
      await patient?.destroy()
    }
  }

  return {
    first: names[0] ?? '',
    up: async () => {
      for (;;) {
        const { pending } = await pendingPlan(database)
        if (pending.length === 0) return []
        try {
          return await apply()
        } catch (error) {
          // Another was quicker, where no lock kept one of them out: what is left to do?
          if ((await pendingPlan(database)).pending.length === pending.length) throw error
        }
      }
    },
    plan: async () => statementsFor(await pendingPlan(database)),
    status: async () => {
      const { applied } = await understood(database)
      return names.map((name, at) => ({ name, appliedAt: applied[at]?.timestamp }))
    },
    due: async () => {
      const applied = (await records(database, await engine.listTables(database))).map(({ name }) => name)
      return names.filter((name) => !applied.includes(name))
    },
  }
}

/** What migrations would run, found by running them on nothing: so `plan` tells just what `up` does. */
async function compile(wanted: string[], engine: Engine): Promise<string[]> {
  return recorded(engine, async (nothing) => {
    for (const name of wanted) await migrations[name]?.up(nothing, engine.words)
  })
}

async function makeRecordTable(engine: Engine): Promise<string[]> {
  return recorded(engine, (nothing) =>
    nothing.schema
      .createTable(recordTable)
      .addColumn('name', 'varchar(255)', (column) => column.notNull().primaryKey())
      .addColumn('timestamp', 'varchar(255)', (column) => column.notNull())
      .execute(),
  )
}

async function recorded(engine: Engine, work: (nothing: Kysely<unknown>) => Promise<void>): Promise<string[]> {
  const statements: string[] = []
  const { dialect } = engine
  const nothing = new Kysely<unknown>({
    dialect: {
      createAdapter: () => dialect.createAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (database) => dialect.createIntrospector(database),
      createQueryCompiler: () => dialect.createQueryCompiler(),
    },
    log: ({ query }) => void statements.push(query.sql),
  })
  await work(nothing)
  return statements
}

function unusable(reason: string): Error {
  return new Error(`Cannot use this database: ${reason}`)
}
