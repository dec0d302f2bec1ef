import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { inject, onTestFinished, test } from 'vitest'
import { type Database, openDatabase } from '../storage/open-store.ts'
import { synchronousSql } from './synchronous-sql.ts'

/** What the tests of this run are on. Each file that asks for a database is run once on each. */
export const engine = inject('engine')

/** A test of the file, of words that ask no database, or of what this process counts: Postgres would tell nothing more. */
export const onSqlite = test.skipIf(engine === 'postgres')

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

/** A database as another program sees it. */
export type Onlooker = {
  run(sql: string): void
  rows<Row>(sql: string): Row[]
  events(): EventRow[]
  /** Another for each change of a row that was committed, but for counts of limits, by anyone but this onlooker. */
  version(): unknown
  /** How many commits have changed something, as long as rows are only added. */
  commits(): number
  /** The next session gets this number. */
  numberSessionsFrom(number: number): void
  /** From now on every write of this kind fails, such as `insert on auth_events`. */
  breakWrites(kind: string): void
}

/** What a house on the database of this engine is given besides the address of the database. */
export const databaseSettings: Record<string, string> =
  engine === 'sqlite'
    ? {}
    : {
        DATABASE_DURABILITY: 'any',
        DATABASE_POOL_SIZE: '5',
        // A hundred at once share five connections: on a busy machine the last of them waits.
        DATABASE_CONNECT_TIMEOUT: '60s',
        MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'),
      }

/** A database of one test's own, without a table; on SQLite a file. */
export function emptyDatabase(): string {
  return engine === 'sqlite' ? `sqlite:${join(temporaryFolder(), 'latchkey.db')}` : emptySchema()
}

/** A database of one test's own, without a row; on SQLite a file, or none. */
export async function freshDatabase({ inMemory = false } = {}): Promise<string> {
  if (engine === 'sqlite') return inMemory ? 'sqlite::memory:' : emptyDatabase()
  const url = clean.pop() ?? (await migratedSchema())
  onTestFinished(() => {
    if (!changed.has(schemaOf(url))) clean.push(cleaned(url))
  })
  return url
}

const schemaOfFolder = new Map<string, string>()

/** The database that programs use which start in a folder: beside them on SQLite, empty at first. */
export function databaseOf(folder: string): string {
  if (engine === 'sqlite') return `sqlite:${join(folder, 'data/latchkey.db')}`
  const url = schemaOfFolder.get(folder) ?? emptySchema()
  schemaOfFolder.set(folder, url)
  return url
}

/** Opens a database as the house would, for a test that needs no house. */
export function openTestDatabase(url: string): Database {
  const database = openDatabase(url, {
    poolSize: 5,
    connectTimeoutSeconds: 60,
    statementTimeoutSeconds: 10,
    lockTimeoutSeconds: 5,
    requiresDurability: false,
  })
  onTestFinished(database.close)
  return database
}

/** Looks into a database from outside the product. */
export function lookInto(url: string): Onlooker {
  return url.startsWith('sqlite:') ? fileOnlooker(url.slice('sqlite:'.length)) : schemaOnlooker(url)
}

function fileOnlooker(path: string): Onlooker {
  const database = new DatabaseSync(path, { timeout: 5000 })
  onTestFinished(() => database.close())
  const version = () => Number(database.prepare('pragma data_version').get()?.['data_version'])
  return {
    run: (sql) => database.exec(sql),
    rows: <Row>(sql: string) => database.prepare(sql).all() as Row[],
    events: () => database.prepare('select * from auth_events order by sequence').all() as EventRow[],
    version,
    commits: version,
    numberSessionsFrom: (number) =>
      database.exec(`update sqlite_sequence set seq = ${number - 1} where name = 'sessions'`),
    breakWrites: (kind) =>
      database.exec(`create trigger broken before ${kind} begin select raise(abort, 'no room'); end`),
  }
}

let ask: (<Row>(sql: string) => Row[]) | undefined

function askPostgres<Row>(sql: string): Row[] {
  ask ??= synchronousSql(inject('postgres').url)
  return ask(sql)
}

/** To make the tables takes longer than most tests, so schemas go from test to test, unless one has changed the tables. */
const clean: string[] = []
const changed = new Set<string>()

async function migratedSchema(): Promise<string> {
  const url = emptySchema()
  const database = openTestDatabase(url)
  await database.migrations.up()
  return url
}

/** The statements that empty a schema, but for what the migrations put there; the same for every schema. */
let emptying: ((schema: string) => string) | undefined

function cleaned(url: string): string {
  const schema = schemaOf(url)
  emptying ??= emptyingOf(schema)
  askPostgres(emptying(schema))
  return url
}

function emptyingOf(migrated: string): (schema: string) => string {
  const tables = askPostgres<{ name: string; numbered: string | null }>(`
    select tablename as name, attname as numbered
    from pg_tables left join pg_attribute on attrelid = (schemaname || '.' || tablename)::regclass and attidentity <> ''
    where schemaname = '${migrated}' and tablename not in ('kysely_migration', 'locks')`)
  return (schema) =>
    tables
      .flatMap(({ name, numbered }) => [
        `delete from ${schema}.${name}`,
        ...(numbered === null ? [] : [`alter table ${schema}.${name} alter column ${numbered} restart`]),
      ])
      .join(';')
}

function schemaOf(url: string): string {
  return new URL(url).searchParams.get('options')?.split('=')[1] ?? ''
}

function emptySchema(): string {
  const { url, schemas } = inject('postgres')
  const schema = `${schemas}_${randomBytes(6).toString('hex')}`
  askPostgres(`create schema ${schema}`)
  const named = new URL(url)
  named.searchParams.set('options', `-c search_path=${schema}`)
  return named.href
}

function schemaOnlooker(url: string): Onlooker {
  const schema = schemaOf(url)
  const rows = <Row>(sql: string) => askPostgres<Row>(`set search_path = ${schema}; ${sql}`)
  /** The place of every row, and the transaction that wrote it there; but for what SQLite keeps no rows of: counts. */
  const writers = () => {
    const tables = rows<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = current_schema() and tablename <> 'attempts'`,
    )
    const all = tables.map(
      ({ name }) => `select '${name}' as name, ctid::text as place, xmin::text as writer from ${name}`,
    )
    return rows<{ writer: string }>(all.join(' union all '))
  }
  return {
    run: (sql) => {
      changed.add(schema)
      rows(sql)
    },
    rows,
    events: () => rows('select * from auth_events order by sequence'),
    version: () => JSON.stringify(writers()),
    commits: () => new Set(writers().map(({ writer }) => writer)).size,
    numberSessionsFrom: (number) => void rows(`alter table sessions alter column number restart with ${number}`),
    breakWrites: (kind) => {
      changed.add(schema)
      rows(`create function broken() returns trigger language plpgsql as $$ begin raise 'no room'; end $$;
            create trigger broken before ${kind} for each row execute function broken()`)
    },
  }
}

/** A folder of one test's own, gone when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
