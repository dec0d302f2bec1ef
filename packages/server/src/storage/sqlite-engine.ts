import { sql } from 'kysely'
import type { Engine } from './engine.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { sqlitePour } from './sqlite-pour.ts'
import { markOfCopy, sqliteUpkeep } from './sqlite-upkeep.ts'

export function sqliteEngine(path: string): Engine {
  const dialect = sqliteDialect(path)
  return {
    named: path,
    isExposed: false,
    isUnverified: false,
    lostTimeouts: async () => [],
    isShared: false,
    dialect,
    words: {
      integer: 'integer',
      text: 'text',
      numbered: (column) => column.primaryKey().autoIncrement(),
      readsIndexAlone: true,
      strict: (table) => table.modifyEnd(sql`strict`),
    },
    eventOwner: sql`coalesce(user_id, identifier_digest)`,
    listTables: async (database) => {
      const { rows } = await sql<{ name: string }>`
        select name from sqlite_schema where type = 'table' and name not like 'sqlite!_%' escape '!'`.execute(database)
      return rows.map(({ name }) => name)
    },
    // Every transaction of this engine has the database to itself.
    holdMigrations: async () => {},
    boundWaits: async () => {},
    tellEnds: async () => {},
    settle: dialect.settleAll,
    newsOf: () => ({ isHeard: () => false, listen: () => {}, close: async () => {} }),
    patientDialect: undefined,
    upkeep: sqliteUpkeep,
    isCopy: async (database) => {
      const { rows } = await sql<{ user_version: number }>`pragma user_version`.execute(database)
      return rows[0]?.user_version === markOfCopy
    },
    unmarkCopy: async (database) => {
      await sql`pragma user_version = 0`.execute(database)
    },
    numberFrom: async (database, table, number) => {
      await sql`delete from sqlite_sequence where name = ${table}`.execute(database)
      await sql`insert into sqlite_sequence (name, seq) values (${table}, ${number - 1})`.execute(database)
    },
    pour: sqlitePour,
    // Those of primary keys and unique columns cannot be dropped.
    indexesOf: async (database, tables) => {
      const { rows } = await sql<{ name: string; make: string }>`
        select name, sql as make from sqlite_schema
        where type = 'index' and sql is not null and tbl_name in (${sql.join(tables)})`.execute(database)
      return rows.map(({ name, make }) => ({ drop: `drop index "${name}"`, make }))
    },
    // It plans by which indexes there are.
    takeStock: async () => {},
  }
}
