import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../src/testing/test-database.ts'
import { run } from './processes.ts'

test.each([
  [['backup', 'copy.db'], 'Cannot back up a Postgres: use pg_dump, or the backups of who runs it'],
  [['check'], 'Cannot check a Postgres: use pg_amcheck, and latchkey migrate status for the migrations'],
])('latchkey %j on a Postgres names the tools for it: exit 1, and nothing is made', async (words, message) => {
  const folder = temporaryFolder()

  const outcome = await run(words, { folder })

  expect(outcome).toEqual({ code: 1, stdout: '', stderr: `latchkey: ${message}\n` })
  expect(readdirSync(folder)).toEqual([])
})
