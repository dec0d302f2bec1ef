import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { createVerifier, type Verifier } from '@latchkey/verify'
import { type EmbeddedPostgres, startPostgres } from '../packages/server/src/testing/embedded-postgres.ts'
import { synchronousSql } from '../packages/server/src/testing/synchronous-sql.ts'
import type { GuessLimit } from './history.ts'
import { type Node, startNode } from './node.ts'
import { openProxy, type Route, routeTo } from './proxy.ts'

export type Engine = 'sqlite' | 'postgres'

/** All that runs: the nodes, what they keep their data in, and the ways between. */
export type Site = {
  engine: Engine
  /** Where clients come in. */
  front: string
  nodes: Node[]
  postgres: EmbeddedPostgres | undefined
  /** A resource API's verifier, which follows the revocations through the same proxy as everyone. */
  verifier: Verifier
  /** Looks into the database from outside, when it is up. */
  sql<Row>(text: string): Row[]
  close(): Promise<void>
}

const nodesOf = { sqlite: 1, postgres: 3 } as const
/** A crash must lose nothing that was acknowledged, so this server is as durable as a real one. */
const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', autovacuum: 'on' }
/** Acknowledges what it has only in memory, and keeps it there for as long as it may. */
const forgetful = { ...durable, synchronous_commit: 'off', wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }

export const graceMilliseconds = 1_000
/** How old the verifier's proof may be, instead of 30 seconds: a shorter run then tells more. */
export const maxStalenessSeconds = 5
export const guessLimits: GuessLimit[] = [
  { name: 'login', countsBy: 'address', attempts: 5, windowSeconds: 60 },
  { name: 'account', countsBy: 'account', attempts: 10, windowSeconds: 3600 },
]

/** The time-outs are short, so that much happens in a short time. */
const settings = {
  PORT: '0',
  BCRYPT_COST: '4',
  REFRESH_REUSE_GRACE: `${graceMilliseconds / 1000}s`,
  RATE_LIMIT_SIGNUP: 'off',
  RATE_LIMIT_LOGIN: '5/minute',
  RATE_LIMIT_ACCOUNT: '10/hour',
  TRUSTED_PROXIES: '127.0.0.1/32',
  DATABASE_CONNECT_TIMEOUT: '1s',
  DATABASE_STATEMENT_TIMEOUT: '2s',
  DATABASE_LOCK_TIMEOUT: '2s',
  LOG_LEVEL: 'error',
  MASTER_KEY: Buffer.alloc(32, 'chaos').toString('base64'),
}

/**
 * Starts all nodes, and answers once each of them is ready. A forgetful site is there to be found out: its Postgres loses
 * in a crash what it acknowledged.
 */
export async function openSite(engine: Engine, { isForgetful = false } = {}): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-chaos-'))
  const postgres = engine === 'postgres' ? await startPostgres(isForgetful ? forgetful : durable) : undefined
  const backs: ({ route: Route } & Awaited<ReturnType<typeof openProxy>>)[] = []
  const nodes: Node[] = []
  // The proxy reads this list at each connection, so it can be told its nodes later.
  const fronts: Route[] = []
  const proxy = await openProxy(fronts)
  const front = `http://127.0.0.1:${proxy.port}`
  const file = join(folder, 'latchkey.db')

  for (let number = 1; number <= nodesOf[engine]; number += 1) {
    let databaseUrl = `sqlite:${file}`
    let back: Route | undefined
    if (postgres) {
      const address = new URL(postgres.url)
      back = routeTo(Number(address.port))
      const way = await openProxy([back])
      backs.push({ route: back, ...way })
      address.port = String(way.port)
      databaseUrl = address.href
    }
    const node = startNode({
      name: `node ${number}`,
      folder,
      settings: {
        ...settings,
        PUBLIC_URL: front,
        DATABASE_URL: databaseUrl,
        DATABASE_DURABILITY: isForgetful ? 'any' : 'required',
      },
      back,
    })
    nodes.push(node)
    fronts.push(node.front)
  }
  await untilReady(nodes)

  const verifier = createVerifier({ issuer: front, maxStalenessSeconds })
  return {
    engine,
    front,
    nodes,
    postgres,
    verifier,
    sql: postgres ? synchronousSql(postgres.url) : (text) => readFile(file, text),
    close: async () => {
      verifier.close()
      await Promise.all(nodes.map((node) => node.stop()))
      for (const back of backs) back.close()
      proxy.close()
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function readFile<Row>(file: string, text: string): Row[] {
  const database = new DatabaseSync(file, { timeout: 5_000 })
  try {
    return database.prepare(text).all() as Row[]
  } finally {
    database.close()
  }
}

/** @throws {Error} which names the nodes that are not ready within a minute */
export async function untilReady(nodes: readonly Node[]): Promise<void> {
  const givesUpAt = performance.now() + 60_000
  for (;;) {
    const ready = await Promise.all(nodes.map(isReady))
    if (ready.every(Boolean)) return
    if (performance.now() > givesUpAt) {
      const missing = nodes.filter((_, at) => !ready[at]).map(({ name }) => name)
      throw new Error(`Not ready after a minute: ${missing.join(', ')}`)
    }
    await setTimeout(50)
  }
}

async function isReady({ front }: Node): Promise<boolean> {
  if (front.port === undefined) return false
  try {
    const { ok } = await fetch(`http://127.0.0.1:${front.port}/readyz`, { signal: AbortSignal.timeout(5_000) })
    return ok
  } catch {
    return false
  }
}
