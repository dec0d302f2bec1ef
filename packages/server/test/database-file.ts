import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { testHouse } from '../src/testing/test-house.ts'

/** A line of the audit log, as it stands in the table. */
export type EventRow = {
  user_id: string | null
  session_id: string | null
  event_type: string
  ip_address: string
  api_name: string | null
  user_agent: string
  success: number
  failure_reason: string | null
  request_id: string
  created_at: number
  count: number
}

/** A folder of one test's own, gone when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The product's own database, seen from outside the product. */
export function openFile(path: string) {
  const database = new DatabaseSync(path, { timeout: 5000 })
  onTestFinished(() => database.close())

  return {
    run: (sql: string) => database.exec(sql),
    rows: <Row>(sql: string) => database.prepare(sql).all() as Row[],
    events: () => database.prepare('select * from auth_events order by sequence').all() as EventRow[],
    /** Changes when another connection has committed a change, and only then. */
    version: () => Number(database.prepare('pragma data_version').get()?.['data_version']),
  }
}

/** A house on a database file: a second one may be opened on the same file, and the test may look into it. */
export async function fileHouse(settings: Record<string, string> = {}) {
  const path = join(temporaryFolder(), 'latchkey.db')
  const house = await testHouse({ DATABASE_URL: `sqlite:${path}`, ...settings })
  return { ...house, path, database: openFile(path) }
}
