import type { CompiledQuery } from 'kysely'
import type { Engine } from './engine.ts'
import { rowsPerInsert } from './schema.ts'

/** In one transaction: the statement is written once, and only its values change. */
export const sqlitePour: Engine['pour'] = (database, table, rows) =>
  database.transaction().execute(async (inside) => {
    let statement: CompiledQuery | undefined
    for (let at = 0; at < rows.length; at += rowsPerInsert) {
      const some = rows.slice(at, at + rowsPerInsert)
      if (some.length < rowsPerInsert) statement = undefined
      statement ??= inside
        .insertInto(table)
        .values(some as never)
        .compile()
      await inside.executeQuery({ ...statement, parameters: some.flatMap((row) => Object.values(row)) })
    }
  })
