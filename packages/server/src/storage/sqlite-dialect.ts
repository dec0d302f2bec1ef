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
  type SelectQueryNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { Refusal } from '../domain/refusal.ts'
import type { ReadsNow } from './prepared-query.ts'
import { type Checkpoints, checkpointsOf } from './sqlite-checkpoints.ts'
import { type Journal, type JournalKeeper, journalOf } from './sqlite-journal.ts'

/** How long a writer waits for another process's write before it gives up. */
const busyPatienceMilliseconds = 5000
/** How often it asks meanwhile. SQLite's own waiting would hold up the event loop, and every token check with it. */
const busyPauseMilliseconds = 10
/** Holds the inner pages of every index up to tens of millions of rows: a look-up then reads one page or two. */
const pageCacheKibibytes = 64 * 1024
/** Beyond so much the connection that writes empties the log itself: a thread never catches up with who writes without a pause. */
const maxJournalPages = 16_000
/** What a long reader, such as a backup, made of the write-ahead log is cut back to this when it is done. */
const maxIdleJournalBytes = 64 * 1024 * 1024
/** Prepared statements kept for use again; the product has some forty. */
const maxStatements = 200

/**
 * Kysely on the SQLite that is inside Node. Durable as with `synchronous=FULL`: what was acknowledged survives a power
 * cut. But SQLite would wait for the disk on the event loop, once for each transaction, so it is told to leave that to us:
 * a commit is answered when the write-ahead log is on the disk, and meanwhile others go on (ADR 18).
 */
export function sqliteDialect(path: string): Dialect & Pick<Journal, 'settleAll'> {
  const driver = sqliteDriver(path)
  return {
    createAdapter: () => new TurnTakingAdapter(driver.readNow),
    createDriver: () => driver,
    createIntrospector: (database: Kysely<never>) => new SqliteIntrospector(database),
    createQueryCompiler: () => new LocklessCompiler(),
    settleAll: driver.settleAll,
  } as Dialect & Pick<Journal, 'settleAll'>
}

/** Kysely would hold the one connection until a commit is answered; here turns end with the commit itself. */
class TurnTakingAdapter extends SqliteAdapter implements ReadsNow {
  readonly readNow: ReadsNow['readNow']

  constructor(readNow: ReadsNow['readNow']) {
    super()
    this.readNow = readNow
  }

  override get supportsMultipleConnections(): boolean {
    return true
  }
}

/** SQLite has no row locks and needs none: its transactions take turns as a whole. */
class LocklessCompiler extends SqliteQueryCompiler {
  protected override visitSelectQuery({ endModifiers: _, ...unlocked }: SelectQueryNode): void {
    super.visitSelectQuery(unlocked)
  }
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
    // In WAL mode this leaves out one thing, the sync of the log with each commit (https://sqlite.org/pragma.html#pragma_synchronous).
    database.exec(`pragma synchronous = ${entersWal(database) ? 'normal' : 'full'}`)
    database.exec(`pragma wal_autocheckpoint = ${maxJournalPages}`)
    database.exec('pragma trusted_schema = off')
    database.exec(`pragma cache_size = -${pageCacheKibibytes}`)
    database.exec(`pragma journal_size_limit = ${maxIdleJournalBytes}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A database in memory has none, nor has a file system without shared memory. */
function entersWal(database: DatabaseSync): boolean {
  return database.prepare('pragma journal_mode = wal').get()?.['journal_mode'] === 'wal'
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

// Immediate: a transaction that reads first and writes later would be refused at once when another process wrote in between.
const begin = CompiledQuery.raw('begin immediate')
const commit = CompiledQuery.raw('commit')
const rollback = CompiledQuery.raw('rollback')

/** What one holder does with the one connection. It ends with a commit, when the next holder may begin. */
type Turn = DatabaseConnection & { commit(): Promise<void>; rollback(): Promise<void>; end(): void }

/** One connection, so one at a time: a waiting transaction must not swallow its neighbour's writes. */
function sqliteDriver(path: string): Driver & Pick<Journal, 'settleAll'> & ReadsNow {
  let database: DatabaseSync | undefined
  let journal: Journal | undefined
  let checkpoints: Checkpoints | undefined
  let connection: Connection | undefined
  let turn: Promise<void> = Promise.resolve()

  async function onDisk(settled: Promise<void> | undefined): Promise<void> {
    try {
      await settled
    } catch (cause) {
      throw new Refusal('UNAVAILABLE', { retryAfterSeconds: 1, cause })
    }
  }

  function settle(): Promise<void> {
    checkpoints?.noteCommit()
    return onDisk(journal?.settle())
  }

  return {
    init: async () => {
      database = openDatabase(path)
      // Where the file is, whatever link names it and wherever the program goes from here. Null in memory.
      const file = database.location()
      if (file !== null && entersWal(database)) {
        journal = journalOf(`${file}-wal`, journalKeeper(database))
        checkpoints = checkpointsOf(file)
      }
      connection = sqliteConnection(database, settle)
    },
    acquireConnection: async () => {
      const previous = turn
      const mine = Promise.withResolvers<void>()
      turn = mine.promise
      await previous
      if (connection) return connection.take(mine.resolve)
      mine.resolve()
      throw new Error('Cannot query the database: it is closed')
    },
    releaseConnection: async (at) => (at as Turn).end(),
    beginTransaction: async (at) => void (await at.executeQuery(begin)),
    commitTransaction: async (at) => (at as Turn).commit(),
    rollbackTransaction: async (at) => (at as Turn).rollback(),
    destroy: async () => {
      connection = undefined
      await checkpoints?.close()
      journal?.close()
      database?.close()
    },
    settleAll: () => onDisk(journal?.settleAll()),
    readNow: (query) => connection?.readNow(query),
  }
}

function journalKeeper(database: DatabaseSync): JournalKeeper {
  // https://sqlite.org/pragma.html#pragma_data_version
  const version = database.prepare('pragma data_version')
  return {
    mend: () => {
      const outcome = database.prepare('pragma wal_checkpoint(truncate)').get()
      if (outcome?.['busy'] !== 0) throw new Error('Cannot empty the write-ahead log: somebody reads in it')
    },
    othersVersion: () => {
      try {
        return Number(version.get()?.['data_version'])
      } catch (error) {
        if (isBusy(error)) return undefined
        throw error
      }
    },
  }
}

type Prepared = {
  statement: StatementSync
  hasRows: boolean
  /** Where its rows come as arrays. */
  columns: readonly string[] | undefined
}

/** `end` lets the next holder begin. */
type Connection = ReadsNow & { take(end: () => void): Turn }

function sqliteConnection(database: DatabaseSync, settle: () => Promise<void>): Connection {
  const statements = new Map<string, Prepared>()

  function prepare(sql: string): Prepared {
    const known = statements.get(sql)
    if (known) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = database.prepare(sql)
    // To ask it at each run would cost more than to run it.
    const columns = statement.columns().map(({ name }) => name)
    // What `*` stands for changes where another process migrates.
    const namesColumns = !sql.includes('*')
    statement.setReturnArrays(namesColumns)
    const prepared = { statement, hasRows: columns.length > 0, columns: namesColumns ? columns : undefined }
    statements.set(sql, prepared)
    return prepared
  }

  function execute<Row>({ sql, parameters }: CompiledQuery): QueryResult<Row> {
    const { statement, hasRows, columns } = prepare(sql)
    const values = parameters as SQLInputValue[]
    if (hasRows) {
      const rows = statement.all(...values)
      return { rows: (columns ? named(rows as unknown as unknown[][], columns) : rows) as Row[] }
    }
    const { changes, lastInsertRowid } = statement.run(...values)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  /** @param whenDone is called before anybody else can see what the query did */
  async function executeWhenFree<Row>(query: CompiledQuery, whenDone = () => {}): Promise<QueryResult<Row>> {
    const givesUpAt = performance.now() + busyPatienceMilliseconds
    for (;;) {
      try {
        const result = execute<Row>(query)
        whenDone()
        return result
      } catch (error) {
        if (!isBusy(error) || performance.now() > givesUpAt) throw toOutage(error)
      }
      await setTimeout(busyPauseMilliseconds)
    }
  }

  /** What is raw and has rows is a pragma or a look at the schema. */
  function onlyReads({ query: { kind }, sql }: CompiledQuery): boolean {
    return kind === 'SelectQueryNode' || (kind === 'RawNode' && prepare(sql).hasRows)
  }

  function readNow<Row>(query: CompiledQuery<Row>): QueryResult<Row> | undefined {
    if (database.isTransaction || query.query.kind !== 'SelectQueryNode') return undefined
    try {
      return execute<Row>(query)
    } catch {
      // Who waits for a turn meets the same error, and tells it.
      return undefined
    }
  }

  function take(end: () => void): Turn {
    let hasCommitted = false
    return {
      executeQuery: async <Row>(query: CompiledQuery): Promise<QueryResult<Row>> => {
        let settled: Promise<void> | undefined
        const result = await executeWhenFree<Row>(query, () => {
          if (database.isTransaction || onlyReads(query)) return
          end()
          settled = settle()
        })
        await settled
        return result
      },
      commit: async () => {
        let settled: Promise<void> | undefined
        await executeWhenFree(commit, () => {
          // Another's transaction may be open from here on: there is nothing left that could be undone.
          hasCommitted = true
          end()
          settled = settle()
        })
        await settled
      },
      rollback: async () => {
        // A full disk has SQLite undo the transaction by itself: undoing it again would fail, and hide why.
        if (!hasCommitted && database.isTransaction) await executeWhenFree(rollback)
      },
      end,
      streamQuery: () => {
        throw new Error('Cannot stream from SQLite: nothing in the product does')
      },
    }
  }

  return { take, readNow }
}

/** Node itself would make each row a dictionary, with names that it makes anew each time: dearer than a short query. */
function named(rows: readonly unknown[][], columns: readonly string[]): object[] {
  return rows.map((values) => {
    const row: Record<string, unknown> = {}
    for (let at = 0; at < columns.length; at += 1) row[columns[at] ?? ''] = values[at]
    return row
  })
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
