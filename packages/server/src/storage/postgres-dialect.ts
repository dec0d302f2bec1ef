import { type Dialect, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import type { PostgresAddress } from './postgres-address.ts'
import { hasLostConnection, translateStatementError, unavailable } from './postgres-errors.ts'

/** How a Postgres is used. */
export type PostgresUse = {
  /** Connections of this process at most. */
  poolSize: number
  connectTimeoutSeconds: number
  /** None: a statement may take its time. */
  statementTimeoutSeconds: number | undefined
  lockTimeoutSeconds: number
  /** Refuse a server that may forget what it has acknowledged. */
  requiresDurability: boolean
}

const oldestVersion = 15
/** Beyond the server's own time-out, for the way: who has heard nothing by then was cut off. */
const silenceSeconds = 5
const idleInTransactionSeconds = 10
/** What each connection asks the server for as it starts. A pooler in between may keep that to itself. */
export const timeouts = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const

/**
 * Kysely on Postgres by `pg`. Connects when first asked. Each connection is checked before it is used: the server's
 * version and encoding, whether it may be written, and whether it keeps what it acknowledges.
 */
export function postgresDialect(address: PostgresAddress, use: PostgresUse): Dialect {
  return new PostgresDialect({ pool: async () => openPool(address, use) })
}

function openPool(address: PostgresAddress, use: PostgresUse): PostgresPool {
  const { named } = address
  const pool = new pg.Pool({
    ...connectionOf(address, use),
    Client: ClosingClient,
    max: use.poolSize,
    idleTimeoutMillis: 60_000,
    lock_timeout: use.lockTimeoutSeconds * 1000,
    idle_in_transaction_session_timeout: idleInTransactionSeconds * 1000,
    types: { getTypeParser: parserOf },
    onConnect: async (client) => {
      // Without a listener an error between two statements would end the process; the next statement tells of it.
      client.on('error', () => {})
      await assertFit(client, use)
    },
  })
  // The same for a connection that nobody uses.
  pool.on('error', () => {})

  return {
    options: {},
    connect: async () => {
      try {
        return guarded(await pool.connect(), named)
      } catch (error) {
        throw unavailable(error, named)
      }
    },
    end: () => pool.end(),
  }
}

/** Where to connect, as whom, and how long to wait for the server. */
export function connectionOf(
  { host, port, user, password, database, options, tls }: PostgresAddress,
  { connectTimeoutSeconds, statementTimeoutSeconds }: PostgresUse,
): pg.ClientConfig {
  return {
    host,
    port,
    ...(user === undefined ? {} : { user }),
    password: password ?? missingPassword,
    ...(database === undefined ? {} : { database }),
    ...(options === undefined ? {} : { options }),
    ssl: tls,
    enableChannelBinding: tls !== false,
    keepAlive: true,
    application_name: 'latchkey',
    connectionTimeoutMillis: connectTimeoutSeconds * 1000,
    ...(statementTimeoutSeconds === undefined
      ? {}
      : {
          statement_timeout: statementTimeoutSeconds * 1000,
          query_timeout: (statementTimeoutSeconds + silenceSeconds) * 1000,
        }),
  }
}

/** Where pg gives up on its way in, after an answer that it does not like, it leaves the connection open. */
class ClosingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    this.connection.on('error', () => this.connection.stream.destroy())
  }
}

/** Asked for only where the server wants one. */
function missingPassword(): never {
  throw new Error('it asks for a password, and the address has none')
}

/** A connection that tells faults in the product's words, and is not used again after it was lost. */
function guarded(client: pg.PoolClient, named: string): PostgresPoolClient {
  let isLost = false

  async function query(sql: string, parameters: readonly unknown[]) {
    if (isLost) throw unavailable('the connection was lost', named)
    try {
      return await client.query(sql, parameters.map(toParameter))
    } catch (error) {
      isLost ||= hasLostConnection(error)
      throw translateStatementError(error, named)
    }
  }

  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (isUnfit = false) => client.release(isUnfit || isLost),
  }
}

async function assertFit(client: pg.ClientBase, { requiresDurability }: PostgresUse): Promise<void> {
  const { rows } = await client.query(`
    select current_setting('server_version_num')::int as version,
           current_setting('server_version') as "versionName",
           current_setting('server_encoding') as encoding,
           current_schema() as schema,
           current_setting('transaction_read_only') as "readOnly",
           current_setting('synchronous_commit') as "synchronousCommit",
           current_setting('fsync', true) as fsync`)
  const [{ version, versionName, encoding, schema, readOnly, synchronousCommit, fsync }] = rows
  if (version < oldestVersion * 10_000) {
    throw new Error(`it is Postgres ${versionName}, and must be ${oldestVersion} or newer`)
  }
  if (encoding !== 'UTF8') throw new Error(`its encoding is ${encoding}, and must be UTF8`)
  if (schema === null) throw new Error('its search_path names no schema that is there and may be used')
  if (readOnly === 'on') throw new Error('it is read-only, a standby or a server that was set so')
  if (requiresDurability && (synchronousCommit === 'off' || fsync === 'off')) {
    const setting = fsync === 'off' ? 'fsync' : 'synchronous_commit'
    throw new Error(`it may lose what it acknowledged, ${setting} is off (DATABASE_DURABILITY=any accepts that)`)
  }
}

/** Postgres keeps no U+0000 in texts. It is kept as a noncharacter and a digit, and that noncharacter likewise. */
const mark = '\uffff'

function toParameter(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return value.replaceAll(mark, `${mark}1`).replaceAll('\u0000', `${mark}0`)
}

function toText(stored: string): string {
  return stored.replaceAll(`${mark}0`, '\u0000').replaceAll(`${mark}1`, mark)
}

/** All numbers of the product (instants, counts) are exact in a JavaScript number, so eight bytes become one. */
const parsers: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.INT8]: Number,
  [pg.types.builtins.TEXT]: toText,
}

function parserOf(type: number): (text: string) => unknown {
  return parsers[type] ?? pg.types.getTypeParser(type)
}
