import type {
  ColumnDefinitionBuilder,
  CreateTableBuilder,
  Dialect,
  Expression,
  Kysely,
  QueryExecutorProvider,
} from 'kysely'
import type { News } from '../domain/store.ts'
import type { Schema } from './schema.ts'
import type { Upkeep } from './upkeep.ts'

/** What two engines do each in its own way. All else of the room is the same SQL for both. */
export type Engine = {
  /** The address, as it may be shown and logged. */
  named: string
  /** The way to the database is open to whoever is on it. */
  isExposed: boolean
  /** Whoever sits between may pose as the database. */
  isUnverified: boolean
  /** Settings that bound how long the database works or waits for this program, and did not reach it. */
  lostTimeouts(database: QueryExecutorProvider): Promise<string[]>
  /** Several servers may be on one database, and must count together. */
  isShared: boolean
  dialect: Dialect
  words: TableWords
  /** What its index of the audit log begins with: where there is a user it is their id, and no other owner's. */
  eventOwner: Expression<string | null>
  /** The tables where the product's own are, or would be. */
  listTables(database: QueryExecutorProvider): Promise<string[]>
  /**
   * Waits until no other process migrates, and keeps them out until the transaction is over, where the engine has a lock
   * for it. From then on statements of the transaction wait for one another without an end.
   */
  holdMigrations(transaction: QueryExecutorProvider): Promise<void>
  /** From now on a statement of the transaction gives up what others hold for too long. */
  boundWaits(transaction: QueryExecutorProvider): Promise<void>
  /** Tells other nodes of new ends of sessions, with the commit of the transaction. Nothing where they cannot be told. */
  tellEnds: TellEnds
  /** Waits until all that can be read now would be there after a power cut too. */
  settle(): Promise<void>
  /** How this node hears what others tell. */
  newsOf(database: Kysely<Schema>): News
  /** A way to the database on which statements may take their time, where the usual one cuts them off. */
  patientDialect: Dialect | undefined
  upkeep(database: Kysely<Schema>): Upkeep
  /** Whether it is a copy that `latchkey backup` made, on which nobody has started yet. */
  isCopy(database: QueryExecutorProvider): Promise<boolean>
  unmarkCopy(database: QueryExecutorProvider): Promise<void>
  /** Rows of the table are numbered from `number` on. */
  numberFrom(database: QueryExecutorProvider, table: 'sessions' | 'revocations', number: number): Promise<void>
  /** Puts many rows of one shape into a table, quickly: all or none. */
  pour(database: Kysely<Schema>, table: keyof Schema, rows: readonly object[]): Promise<void>
  /** What slows down filling tables from nothing, in the order in which it can be dropped: it is made in the other. */
  indexesOf(database: QueryExecutorProvider, tables: readonly string[]): Promise<Index[]>
  /** Tells the planner what the tables hold, after many rows came at once. */
  takeStock(database: QueryExecutorProvider): Promise<void>
}

/** An index or constraint, by the statements that drop it and make it as it was. */
export type Index = { drop: string; make: string }

export type TellEnds = (transaction: Kysely<Schema>) => Promise<void>

type DataType = Parameters<CreateTableBuilder<never>['addColumn']>[1]

/** How an engine says in a migration what both know. */
export type TableWords = {
  /** A whole number of 64 bits. */
  integer: DataType
  /** Text that is compared and sorted by its bytes, whatever the language of the database is. */
  text: DataType
  /** Makes an `integer` the primary key that numbers the rows by itself, and never the same twice. */
  numbered(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder
  /** An index with every column that is asked for is read in place of the table. */
  readsIndexAlone: boolean
  /** Refuses values of another type than the column's. */
  strict<Table extends string, Columns extends string>(
    table: CreateTableBuilder<Table, Columns>,
  ): CreateTableBuilder<Table, Columns>
}
