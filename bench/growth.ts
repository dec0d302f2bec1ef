/**
 * What requests cost with many users, side by side with what they cost with few; then what the removal of expired rows
 * does to logins, and how long a start, a copy and a check take. Seeds both databases by itself, tells how far it is,
 * writes its places on docs/performance.md, and leaves no database behind. Ends with 1 where a promise is not kept.
 *
 *   npm run bench:growth                        both engines: 30 GB for a while, and the better part of an hour
 *   npm run bench:growth -- --engine postgres   one of them
 *   npm run bench:growth -- --divide 100        with a hundredth of the many, to try it out: writes nothing
 */
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../packages/server/src/testing/embedded-postgres.ts'
import { compareRequests } from './growth-requests.ts'
import { runCommand } from './growth-subject.ts'
import { backUpAndCheck, removeBesideLogins, start } from './growth-upkeep.ts'
import { describeMachine, type Finding, terminalTable, writeInto } from './report.ts'

const few = { users: 1_000, sessions: 5_000, events: 20_000 }
const many = { users: 1_000_000, sessions: 5_000_000, events: 20_000_000 }
/** As a server that people use: the embedded one is set for tests, which need no disk. */
const postgresSettings = {
  fsync: 'on',
  full_page_writes: 'on',
  autovacuum: 'on',
  shared_buffers: '1GB',
  maintenance_work_mem: '512MB',
  max_wal_size: '8GB',
}

type Sizes = typeof few

/** Where the two databases of an engine are, made now. */
type Ground = {
  few: string
  many: string
  afterSeed(): Promise<void>
  /** Makes an index on all events of the many, and drops it. */
  indexEvents(): Promise<void>
  /** Where a copy may go, where the product makes one. */
  copy: string | undefined
  remove(): Promise<void> | void
}

const indexOnEvents = 'create index growth on auth_events (event_type, created_at)'

const grounds: Record<string, () => Ground | Promise<Ground>> = {
  sqlite: () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-growth-'))
    const [small, large] = [join(folder, 'few.db'), join(folder, 'many.db')]
    return {
      few: `sqlite:${small}`,
      many: `sqlite:${large}`,
      // So that the disk counts for what is written alone. What a Postgres has just written is in memory.
      afterSeed: async () => {
        for (const path of [small, large]) await readWhole(path)
      },
      indexEvents: async () => {
        const database = new DatabaseSync(large)
        database.exec(`begin immediate; ${indexOnEvents}; commit`)
        database.exec('drop index growth')
        database.close()
      },
      copy: join(folder, 'copy.db'),
      remove: () => rmSync(folder, { recursive: true }),
    }
  },
  postgres: async () => {
    const server = await startPostgres(postgresSettings)
    const urlOf = (schema: string) => `${server.url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`
    await runSql(server.url, 'create schema few; create schema many')
    return {
      few: urlOf('few'),
      many: urlOf('many'),
      // Else it would go on behind the measurement, as it does once after so many rows.
      afterSeed: async () => {
        for (const schema of ['few', 'many']) await runSql(urlOf(schema), 'vacuum analyze')
        await runSql(server.url, 'checkpoint')
      },
      indexEvents: () => runSql(urlOf('many'), `begin; ${indexOnEvents}; commit; drop index growth`),
      copy: undefined,
      remove: server.stop,
    }
  },
}

async function runSql(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** Brings a file into the memory of the system. */
async function readWhole(path: string): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: 2 ** 22 }));
}

async function measure(ground: Ground, sizes: Sizes): Promise<Finding[]> {
  for (const [url, { users, sessions, events }] of [
    [ground.few, few],
    [ground.many, sizes],
  ] as const) {
    await runCommand(url, ['bench', 'seed', `--users=${users}`, `--sessions=${sessions}`, `--events=${events}`])
  }
  await ground.afterSeed()
  const [small, large] = [
    { url: ground.few, users: few.users },
    { url: ground.many, users: sizes.users },
  ]
  return [
    ...(await compareRequests(small, large)),
    ...(await removeBesideLogins(large)),
    ...(await start(large, ground.indexEvents)),
    ...(ground.copy === undefined ? [] : await backUpAndCheck(large, ground.copy)),
  ]
}

const { values } = parseArgs({
  options: { engine: { type: 'string', multiple: true }, divide: { type: 'string', default: '1' } },
})
const divisor = Number(values.divide)
const sizes = {
  users: Math.ceil(many.users / divisor),
  sessions: Math.ceil(many.sessions / divisor),
  events: Math.ceil(many.events / divisor),
}
const pagePath = join(import.meta.dirname, '../docs/performance.md')

for (const engine of values.engine ?? Object.keys(grounds)) {
  const lay = grounds[engine]
  if (!lay) throw new Error(`Cannot measure "${engine}": there are ${Object.keys(grounds).join(', ')}`)
  const ground = await lay()
  const interrupted = async () => {
    await ground.remove()
    process.exit(130)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const findings = await measure(ground, sizes)
    const machine = describeMachine()
    console.log(`\nGrowth, ${engine}, ${sizes.users} users\n${terminalTable(findings)}\n  ${machine}`)
    if (divisor === 1) {
      const page = readFileSync(pagePath, 'utf8')
      writeFileSync(pagePath, writeInto(page, { name: `growth-${engine}` }, machine, findings))
    }
    if (findings.some(({ wanted }) => wanted?.isMet === false)) process.exitCode = 1
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await ground.remove()
  }
}
