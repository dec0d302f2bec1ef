import { freshDatabase, lookInto, type Onlooker } from '../src/testing/test-database.ts'
import { testHouse } from '../src/testing/test-house.ts'

export { temporaryFolder } from '../src/testing/test-database.ts'

/** The file of an SQLite database, seen from outside the product. */
export function openFile(path: string): Onlooker {
  return lookInto(`sqlite:${path}`)
}

/** A house whose database a second one may be opened on, and the test may look into. */
export async function fileHouse(settings: Record<string, string> = {}) {
  const databaseUrl = settings['DATABASE_URL'] ?? (await freshDatabase())
  const house = await testHouse({ DATABASE_URL: databaseUrl, ...settings })
  return { ...house, databaseUrl, path: databaseUrl.replace(/^sqlite:/, ''), database: lookInto(databaseUrl) }
}
