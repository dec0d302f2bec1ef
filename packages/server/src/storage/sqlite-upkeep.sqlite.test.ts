import { mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { openTestDatabase } from '../testing/test-database.ts'

test('backUp() copies what was committed, and none of what is deleted', async () => {
  const { database, file, folder } = await migratedDatabase()
  file.exec(`insert into status_list_seed values (1, 'a secret that was deleted')`)
  file.exec(`delete from status_list_seed; insert into status_list_seed values (1, 'kept')`)

  const bytes = await database.upkeep.backUp(join(folder, 'copy.db'))

  const copy = opened(join(folder, 'copy.db'))
  expect(copy.prepare('select seed from status_list_seed').all()).toEqual([{ seed: 'kept' }])
  expect(bytes).toBe(
    copy.prepare('select page_count * page_size as bytes from pragma_page_count, pragma_page_size').get()?.['bytes'],
  )
})

test('backUp() waits for no writer, and copies none of what is not committed', async () => {
  const { database, file, folder } = await migratedDatabase()
  file.exec(`begin immediate; insert into status_list_seed values (1, 'not committed')`)

  await database.upkeep.backUp(join(folder, 'copy.db'))

  expect(opened(join(folder, 'copy.db')).prepare('select seed from status_list_seed').all()).toEqual([])
})

test('backUp() of what cannot be read to its end leaves nothing behind', async () => {
  const { database, path, folder } = await migratedDatabase()
  await database.close()
  spoilPage(path, 4)
  const spoilt = openTestDatabase(`sqlite:${path}`)

  const backingUp = spoilt.upkeep.backUp(join(folder, 'copy.db'))

  await expect(backingUp).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot back up to ".*copy\.db"$/),
    cause: expect.objectContaining({ message: 'database disk image is malformed' }),
  })
  expect(readdirSync(folder).filter((name) => !name.startsWith('latchkey.db'))).toEqual([])
})

test('backUp() into a folder that is not there says so', async () => {
  const { database, folder } = await migratedDatabase()

  const backingUp = database.upkeep.backUp(join(folder, 'nowhere/copy.db'))

  await expect(backingUp).rejects.toMatchObject({ cause: expect.objectContaining({ code: 'ENOENT' }) })
})

test('check() finds nothing in a good database', async () => {
  const { database } = await migratedDatabase()

  const findings = await database.upkeep.check()

  expect(findings).toEqual({ integrity: [], foreignKeys: [] })
})

test.each([
  [4, 'database disk image is malformed'],
  [12, 'page 12'],
])('check() finds that page %i was overwritten', async (page, finding) => {
  const { database, path } = await migratedDatabase()
  await database.close()
  spoilPage(path, page)
  const spoilt = openTestDatabase(`sqlite:${path}`)

  const { integrity } = await spoilt.upkeep.check()

  expect(integrity.join('\n')).toContain(finding)
})

test('check() finds a row that points to nothing', async () => {
  const { database, file } = await migratedDatabase()
  file.exec(`pragma foreign_keys = off; insert into known_networks values ('nobody', '192.0.2.1', 1)`)

  const { foreignKeys } = await database.upkeep.check()

  expect(foreignKeys).toEqual(['known_networks row 1 points to no row of users'])
})

test('check() finds a value that breaks its table’s rules', async () => {
  const { database, file } = await migratedDatabase()
  file.exec(`pragma ignore_check_constraints = on; insert into status_list_seed values (2, 'second')`)

  const { integrity } = await database.upkeep.check()

  expect(integrity).toEqual(['CHECK constraint failed in status_list_seed'])
})

/** A migrated database of the test's own, and the same file as another program opens it. */
async function migratedDatabase() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'latchkey.db')
  const database = openTestDatabase(`sqlite:${path}`)
  await database.migrations.up()
  return { database, path, folder, file: opened(path) }
}

function opened(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 })
  onTestFinished(() => database.close())
  return database
}

/** Writes nonsense over the head of a page, as a failing disk may. */
function spoilPage(path: string, page: number): void {
  writeSync(openSync(path, 'r+'), 'x'.repeat(100), 4096 * (page - 1))
}
