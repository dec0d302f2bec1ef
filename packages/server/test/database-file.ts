import { freshDatabase, lookInto } from '../src/testing/test-database.ts'
import { testHouse } from '../src/testing/test-house.ts'

export { temporaryFolder } from '../src/testing/test-database.ts'

/** A house whose database a second one may be opened on, and the test may look into. */
export async function fileHouse(settings: Record<string, string> = {}) {
  const databaseUrl = settings['DATABASE_URL'] ?? (await freshDatabase())
  const house = await testHouse({ DATABASE_URL: databaseUrl, ...settings })
  return { ...house, databaseUrl, path: databaseUrl.replace(/^sqlite:/, ''), database: lookInto(databaseUrl) }
}
