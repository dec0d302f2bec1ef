import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/load-config.ts'
import { newId } from '../crypto/secrets.ts'
import { type Output, show, UsageError } from './command.ts'
import { hashesOf, passwordsOf } from './core.ts'
import { databaseFile, openConfiguredDatabase } from './database.ts'
import { readConfig } from './environment.ts'

const password = 'SecurePass123'
/** What a row and its share of the indexes take on SQLite, measured, and for a while the making of those. */
const bytesPerRow = { users: 480, sessions: 700, events: 900 }
const barWidth = 30

/**
 * Fills a database for measurements: a million users, five million sessions and twenty million events, or what the
 * flags say. Every account has the same password, and says so: this is for no server that people use.
 *
 * @throws {Error} where there are accounts already and `--add` is not said, or the disk has no room
 */
export async function benchSeed(output: Output, flags: string[]): Promise<void> {
  const { isAddition, ...sizes } = readFlags(flags)
  const config = readConfig()
  const database = openConfiguredDatabase(config, { patiently: true })
  const hashes = hashesOf(config, () => {})
  try {
    await database.migrations.up()
    assertRoom(config, sizes)
    const passwordHash = await passwordsOf(config, hashes).hash(password, { purpose: 'signup', network: 'seed' })
    const startedAt = performance.now()
    await database.seed({ ...sizes, passwordHash, now: Date.now(), newId, isAddition }, progressBar())
    const seconds = Math.round((performance.now() - startedAt) / 1000)
    const { users, sessions, events } = sizes
    show(
      output,
      { users, sessions, events, seconds, password },
      `Made ${users} users, ${sessions} sessions and ${events} events in ${seconds} s\nThe password of every account is ${password}`,
    )
  } finally {
    await hashes.close()
    await database.close()
  }
}

type Sizes = { users: number; sessions: number; events: number }

function readFlags(flags: string[]): Sizes & { isAddition: boolean } {
  const sizes = { users: 1_000_000, sessions: 5_000_000, events: 20_000_000 }
  let isAddition = false
  for (const flag of flags) {
    const [, name, digits] = /^--(users|sessions|events)=([1-9][0-9]{0,8})$/.exec(flag) ?? []
    if (flag === '--add') isAddition = true
    else if (name === 'users' || name === 'sessions' || name === 'events') sizes[name] = Number(digits)
    else throw new UsageError('bench seed [--users N] [--sessions N] [--events N] [--add]')
  }
  return { ...sizes, isAddition }
}

/** A disk that is full in the middle would be no database to measure. */
function assertRoom(config: Config, { users, sessions, events }: Sizes): void {
  const path = databaseFile(config)
  if (path === undefined) return
  const needed = users * bytesPerRow.users + sessions * bytesPerRow.sessions + events * bytesPerRow.events
  const { bavail, bsize } = statfsSync(dirname(path))
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1)
  if (needed > bavail * bsize) {
    throw new Error(`Cannot seed: it takes about ${gigabytes(needed)} GB, and ${gigabytes(bavail * bsize)} GB are free`)
  }
}

/** A bar for each table, on standard error: one line that moves at a terminal, else a line when a table is done. */
function progressBar() {
  let table = ''
  let startedAt = 0
  return (progress: { table: string; done: number; total: number }) => {
    const { done, total } = progress
    if (progress.table !== table) startedAt = performance.now()
    table = progress.table
    const isDone = done === total
    if (!process.stderr.isTTY && !isDone) return
    const bar = '#'.repeat(Math.floor((done / total) * barWidth)).padEnd(barWidth, '.')
    const rate = Math.round(done / Math.max(0.001, (performance.now() - startedAt) / 1000))
    const line = `${table.padEnd(15)} [${bar}] ${String(Math.floor((done / total) * 100)).padStart(3)} %  ${done} of ${total}, ${rate}/s`
    process.stderr.write(process.stderr.isTTY ? `\r${line}\u001b[K${isDone ? '\n' : ''}` : `${line}\n`)
  }
}
