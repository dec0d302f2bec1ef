import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startPostgres } from './embedded-postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** What the tests of this project run on. */
    engine: 'sqlite' | 'postgres'
    /** A Postgres in which schemas can be made whose names begin with `schemas`. */
    postgres: { url: string; schemas: string }
  }
}

/** One Postgres for all tests: `TEST_DATABASE_URL` where that is set, one from the npm registry otherwise. */
export default async function provide(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL']
  const schemas = `latchkey_test_${randomBytes(4).toString('hex')}`
  if (given) {
    project.provide('postgres', { url: given, schemas })
    return () => dropSchemas(given, schemas)
  }
  const { url, stop } = await startPostgres()
  project.provide('postgres', { url, schemas })
  return stop
}

/** One by one: together they would need more locks than a server has by default. */
async function dropSchemas(url: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select nspname from pg_namespace where starts_with(nspname, $1)', [prefix])
  for (const { nspname } of rows) await client.query(`drop schema ${nspname} cascade`)
  await client.end()
}
