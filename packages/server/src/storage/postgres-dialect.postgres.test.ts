import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { emptyDatabase, lookInto, openTestDatabase } from '../testing/test-database.ts'

/** A Postgres that says so of itself, as functions of the schema come first. */
async function databaseThatTells(setting: string, value: string): Promise<string> {
  const url = new URL(emptyDatabase())
  lookInto(url.href).run(`
    create function current_setting(text) returns text language sql as
    $$ select case $1 when '${setting}' then '${value}' else pg_catalog.current_setting($1) end $$`)
  url.searchParams.set('options', `${url.searchParams.get('options')},pg_catalog`)
  return url.href
}

async function databaseOfEncoding(encoding: string): Promise<string> {
  const url = new URL(inject('postgres').url)
  const name = `${inject('postgres').schemas}_${encoding}`
  const admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  await admin.query(`create database ${name} template template0 encoding '${encoding}' locale 'C'`)
  onTestFinished(async () => {
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  })
  url.pathname = `/${name}`
  return url.href
}

async function databaseThatIsNotThere(): Promise<string> {
  const url = new URL(inject('postgres').url)
  url.pathname = '/nowhere'
  return url.href
}

async function databaseWithoutSchema(): Promise<string> {
  const url = new URL(inject('postgres').url)
  url.searchParams.set('options', '-c search_path=nowhere')
  return url.href
}

test.each([
  ['older than 15', () => databaseThatTells('server_version_num', '140013'), /it is Postgres \S.*, and must be 15 or/],
  ['of another encoding', () => databaseOfEncoding('latin1'), /its encoding is LATIN1, and must be UTF8/],
  ['not there', databaseThatIsNotThere, /database "nowhere" does not exist/],
  ['without a schema', databaseWithoutSchema, /its search_path names no schema that is there and may be used/],
])('up() refuses a Postgres that is %s, and says so', async (_, makeDatabase, reason) => {
  const database = openTestDatabase(await makeDatabase())

  const migrating = database.migrations.up()

  await expect(migrating).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    cause: { message: expect.stringMatching(reason) },
  })
})
