import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeAll, expect, test } from 'vitest'
import { openConfiguredDatabase } from '../packages/server/src/cli/database.ts'
import { loadConfig } from '../packages/server/src/config/load-config.ts'
import { readPage, sectionOf, tableRows } from './markdown.ts'

type Column = { name: string; type: string; notnull: number }

const page = readPage('docs/data-model.md')
const headings = [...page.matchAll(/^## (\S+)$/gm)].map(([, table = '']) => table)
const actual = new Map<string, string[][]>()

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-model-'))
  const path = join(folder, 'latchkey.db')
  const fresh = openConfiguredDatabase(loadConfig({ DATABASE_URL: `sqlite:${path}` }))
  await fresh.migrations.up()
  await fresh.close()

  const database = new DatabaseSync(path)
  const tables = database.prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
  for (const { name } of tables.all() as { name: string }[]) {
    const columns = database.prepare('select name, type, "notnull" from pragma_table_info(?)').all(name) as Column[]
    actual.set(
      name,
      columns.map(({ name, type, notnull }) => [name, type.toLowerCase(), notnull ? 'no' : 'yes']),
    )
  }
  database.close()
  rmSync(folder, { recursive: true })
})

test('docs/data-model.md lists every table of a fresh database, and no other', () => {
  expect(headings.toSorted()).toEqual([...actual.keys()].toSorted())
})

test.each(headings)('docs/data-model.md lists every column of %s with its type, and no other', (table) => {
  const documented = tableRows(sectionOf(page, table)).map((row) => row.slice(0, 3))

  expect(documented).toEqual(actual.get(table))
})

test.each(headings)('docs/data-model.md says what every column of %s means', (table) => {
  const silent = tableRows(sectionOf(page, table)).filter(([, , , meaning = '']) => meaning === '')

  expect(silent).toEqual([])
})
