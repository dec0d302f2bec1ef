import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import type { Engine } from './engine.ts'
import type { PostgresAddress } from './postgres-address.ts'
import { connectionOf, type PostgresUse } from './postgres-dialect.ts'

const rowsPerChunk = 500

/** By COPY (https://www.postgresql.org/docs/current/sql-copy.html), which the connections of the pool do not speak. */
export function postgresPour(address: PostgresAddress, use: PostgresUse): Engine['pour'] {
  return async (_, table, rows) => {
    const columns = Object.keys(rows[0] ?? {}).join(', ')
    const client = new pg.Client(connectionOf(address, use))
    await client.connect()
    try {
      await pipeline(Readable.from(linesOf(rows)), client.query(from(`copy ${table} (${columns}) from stdin`)))
    } finally {
      await client.end()
    }
  }
}

function* linesOf(rows: readonly object[]): Generator<string> {
  for (let at = 0; at < rows.length; at += rowsPerChunk) {
    const lines = rows.slice(at, at + rowsPerChunk).map((row) => `${Object.values(row).map(toField).join('\t')}\n`)
    yield lines.join('')
  }
}

/** What would end a field or a line, or begin an escape, is written as one. */
const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function toField(value: unknown): string {
  if (value === null) return '\\N'
  return String(value).replace(/[\\\t\n\r]/g, (character) => escapes[character] ?? '')
}
