import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'
import type { Upkeep } from './upkeep.ts'

/** Stands in the head of a copy that `latchkey backup` made, whatever migrations it has: "LKBK". */
export const markOfCopy = 0x4c_4b_42_4b

export function sqliteUpkeep(database: Kysely<Schema>): Upkeep {
  return {
    backUp: async (file) => {
      if (existsSync(file)) throw new Error(`Cannot back up to "${file}": there is such a file already`)
      // Under another name until it is whole: nobody starts on half a copy.
      const partial = join(dirname(resolve(file)), `.${basename(file)}.${process.pid}.part`)
      try {
        closeSync(openSync(partial, 'wx', 0o600))
        // One read transaction: unlike SQLite's backup interface it need not begin again when somebody writes, and it
        // leaves behind what deleted rows left in the file (https://sqlite.org/lang_vacuum.html#vacuuminto).
        await sql`vacuum into ${partial}`.execute(database)
        mark(partial)
        sync(partial)
        linkSync(partial, file)
        sync(dirname(partial))
        return statSync(file).size
      } catch (error) {
        throw new Error(`Cannot back up to "${file}"`, { cause: reasonOf(error) })
      } finally {
        rmSync(partial, { force: true })
      }
    },

    check: async () => {
      const integrity = await findingsOf(sql<{ integrity_check: string }>`pragma integrity_check`.execute(database))
      if (integrity.length > 0) return { integrity, foreignKeys: [] }
      const { rows } = await sql<Orphan>`pragma foreign_key_check`.execute(database)
      return { integrity, foreignKeys: rows.map(toSentence) }
    },
  }
}

function mark(copy: string): void {
  const database = new DatabaseSync(copy)
  try {
    database.exec(`pragma user_version = ${markOfCopy}`)
  } finally {
    database.close()
  }
}

type Orphan = { table: string; rowid: number; parent: string }

function toSentence({ table, rowid, parent }: Orphan): string {
  return `${table} row ${rowid} points to no row of ${parent}`
}

/** Damage may be such that it cannot even be looked for. */
async function findingsOf(checking: Promise<{ rows: { integrity_check: string }[] }>): Promise<string[]> {
  try {
    const { rows } = await checking
    return rows.map(({ integrity_check }) => integrity_check).filter((line) => line !== 'ok')
  } catch (error) {
    if (!isDamage(error)) throw error
    return [(error as Error).message]
  }
}

/** SQLITE_CORRUPT (https://sqlite.org/rescode.html#corrupt). */
function isDamage(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && Number(error.errcode) % 256 === 11
}

/** An outage is told in words for clients: here the operator asks, who needs those of the engine. */
function reasonOf(error: unknown): unknown {
  return error instanceof Error && error.cause ? error.cause : error
}

function sync(path: string): void {
  const handle = openSync(path, 'r')
  fsyncSync(handle)
  closeSync(handle)
}
