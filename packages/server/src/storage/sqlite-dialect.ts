import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { Refusal } from '../domain/refusal.ts'

/** How long a writer waits for another process's write before it gives up. */
const busyPatienceMilliseconds = 5000
/** How often it asks meanwhile. SQLite's own waiting would hold up the event loop, and every token check with it. */
const busyPauseMilliseconds = 10
/** Holds the inner pages of every index up to tens of millions of rows: a look-up then reads one page or two. */
const pageCacheKibibytes = 64 * 1024
/** What a long reader, such as a backup, made of the write-ahead log is cut back to this when it is done. */
const maxIdleJournalBytes = 64 * 1024 * 1024
/** Prepared statements kept for use again; the product has some forty. */
const maxStatements = 200

/**
 * Kysely on the SQLite that is inside Node. Durable by default: WAL with `synchronous=FULL`, so that what was
 * acknowledged survives a power cut (https://sqlite.org/pragma.html#pragma_synchronous).
 */
export function sqliteDialect(path: string): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => sqliteDriver(path),
    createIntrospector: (database: Kysely<never>) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  } as Dialect
}

function openDatabase(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') makeForOwnerAlone(path)
    return open(path)
  } catch (cause) {
    throw new Error(`Cannot open DATABASE_URL "sqlite:${path}": ${(cause as Error).message}`, { cause })
  }
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 0 })
  try {
    database.exec('pragma journal_mode = wal')
    database.exec('pragma synchronous = full')
    database.exec('pragma trusted_schema = off')
    database.exec(`pragma cache_size = -${pageCacheKibibytes}`)
    database.exec(`pragma journal_size_limit = ${maxIdleJournalBytes}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** The file holds password hashes. SQLite gives its companions (`-wal`, `-shm`) the permissions of the file itself. */
function makeForOwnerAlone(path: string): void {
  makeFolder(dirname(resolve(path)))
  closeSync(openSync(path, 'a', 0o600))
}

/** Level by level: the recursive way of Node never ends where a folder cannot be made and is said to be missing, as in `/proc`. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(path)) throw error
  }
}

/** One connection, so one at a time: a waiting transaction must not swallow its neighbour's writes. */
function sqliteDriver(path: string): Driver {
  let database: DatabaseSync | undefined
  let connection: DatabaseConnection | undefined
  let turn: Promise<void> = Promise.resolve()
  let endTurn: () => void = () => {}

  return {
    init: async () => {
      database = openDatabase(path)
      connection = sqliteConnection(database)
    },
    acquireConnection: async () => {
      const previous = turn
      const mine = Promise.withResolvers<void>()
      turn = mine.promise
      await previous
      endTurn = mine.resolve
      if (!connection) throw new Error('Cannot query the database: it is closed')
      return connection
    },
    releaseConnection: async () => endTurn(),
    // Immediate: a transaction that reads first and writes later would be refused at once when another process wrote in between.
    beginTransaction: async (at) => void (await at.executeQuery(CompiledQuery.raw('begin immediate'))),
    commitTransaction: async (at) => void (await at.executeQuery(CompiledQuery.raw('commit'))),
    rollbackTransaction: async (at) => {
      // A full disk has SQLite undo the transaction by itself: undoing it again would fail, and hide why.
      if (database?.isTransaction) await at.executeQuery(CompiledQuery.raw('rollback'))
    },
    destroy: async () => {
      connection = undefined
      database?.close()
    },
  }
}

type Prepared = { statement: StatementSync; hasRows: boolean }

function sqliteConnection(database: DatabaseSync): DatabaseConnection {
  const statements = new Map<string, Prepared>()

  function prepare(sql: string): Prepared {
    const known = statements.get(sql)
    if (known) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = database.prepare(sql)
    // To ask it at each run would cost more than to run it.
    const prepared = { statement, hasRows: statement.columns().length > 0 }
    statements.set(sql, prepared)
    return prepared
  }

  function execute<Row>({ sql, parameters }: CompiledQuery): QueryResult<Row> {
    const { statement, hasRows } = prepare(sql)
    const values = parameters as SQLInputValue[]
    if (hasRows) return { rows: statement.all(...values) as Row[] }
    const { changes, lastInsertRowid } = statement.run(...values)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  return {
    executeQuery: async <Row>(query: CompiledQuery): Promise<QueryResult<Row>> => {
      const givesUpAt = performance.now() + busyPatienceMilliseconds
      for (;;) {
        try {
          return execute<Row>(query)
        } catch (error) {
          if (!isBusy(error) || performance.now() > givesUpAt) throw toOutage(error)
        }
        await setTimeout(busyPauseMilliseconds)
      }
    },
    streamQuery: () => {
      throw new Error('Cannot stream from SQLite: nothing in the product does')
    },
  }
}

/** Primary result codes (https://sqlite.org/rescode.html): what lies with the file or its disk, and may pass. */
const outages = { busy: 5, readOnly: 8, ioError: 10, full: 13, cannotOpen: 14 } as const

function resultCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  // Extended codes keep the primary one in their lowest byte.
  return typeof code === 'number' ? code & 0xff : undefined
}

function isBusy(error: unknown): boolean {
  return resultCode(error) === outages.busy
}

/** A database that cannot be written now is told as that; everything else is a fault, and stays one. */
function toOutage(cause: unknown): unknown {
  const code = resultCode(cause)
  const isOutage = Object.values(outages).some((outage) => outage === code)
  return isOutage ? new Refusal('UNAVAILABLE', { retryAfterSeconds: 1, cause }) : cause
}
