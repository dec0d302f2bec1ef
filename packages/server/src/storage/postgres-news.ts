import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import type { News, NewsListener } from '../domain/store.ts'
import type { PostgresAddress } from './postgres-address.ts'
import { connectionOf, type PostgresUse } from './postgres-dialect.ts'
import { unavailable } from './postgres-errors.ts'
import type { Schema } from './schema.ts'

/** Others in the same database hear nothing of it: the name is that of the schema, in the letters and length of a name. */
const channelName = `'latchkey_' || md5(current_schema())`
const channel = sql.raw<string>(channelName)
const isNumber = /^[0-9]+$/

/** How often a node makes sure that it still hears. */
const greetingMilliseconds = 5_000
/** A greeting that was sent and is not heard for so long is not heard at all. */
const echoMilliseconds = 2_000
const partingMilliseconds = 500
const firstPauseMilliseconds = 100
const longestPauseMilliseconds = 30_000

/** Tells every node, with the commit of this transaction, up to which number there are ends of sessions. */
export async function tellEnds(transaction: Kysely<Schema>): Promise<void> {
  await sql`select pg_notify(${channel}, (select max(sequence) from revocations)::text)`.execute(transaction)
}

/**
 * Hears what nodes tell by NOTIFY, on a connection of its own: one of the pool could not be given back. A node believes
 * that it hears only while it hears its own greetings, which it sends over the pool: an engine may ignore LISTEN, a
 * pooler in between lose what comes of it, a network go silent. Comes back by itself, after ever longer pauses.
 *
 * @param database the pool
 */
export function postgresNews(database: Kysely<Schema>, address: PostgresAddress, use: PostgresUse): News {
  const closing = new AbortController()
  let isHeard = false
  let ended: Promise<void> | undefined

  async function listenOn(listener: NewsListener): Promise<void> {
    let failures = 0
    while (!closing.signal.aborted) {
      try {
        await listenOnce(listener, () => {
          failures = 0
          if (!isHeard) change(listener, true)
        })
      } catch (error) {
        if (closing.signal.aborted) return
        if (isHeard) change(listener, false, unavailable(error, address.named))
      }
      await pause(failures)
      failures += 1
    }
  }

  function change(listener: NewsListener, next: boolean, reason?: Error): void {
    isHeard = next
    listener.onChange(reason)
  }

  /** Ends with the connection, by throwing. */
  async function listenOnce(listener: NewsListener, onEcho: () => void): Promise<never> {
    const socket = new Socket()
    const client = new pg.Client({ ...connectionOf(address, use), stream: () => socket })
    const heard = new Set<string>()
    const lost = Promise.withResolvers<never>()
    lost.promise.catch(() => {})
    client.on('error', lost.reject)
    client.on('end', () => lost.reject(new Error('the connection was lost')))
    client.on('notification', ({ payload = '' }) => {
      if (isNumber.test(payload)) listener.onEnds(Number(payload))
      else heard.add(payload)
      socket.emit('heard')
    })
    const giveUp = () => lost.reject(new Error('it is no longer wanted'))
    closing.signal.addEventListener('abort', giveUp, { once: true })

    async function greet(): Promise<void> {
      heard.clear()
      const greeting = randomUUID()
      await sql`select pg_notify(${channel}, ${greeting}::text)`.execute(database)
      const tooLate = AbortSignal.timeout(echoMilliseconds)
      while (!heard.has(greeting)) await once(socket, 'heard', { signal: tooLate })
      onEcho()
    }

    try {
      await Promise.race([subscribe(client), lost.promise])
      for (;;) {
        await Promise.race([greet(), lost.promise])
        await Promise.race([setTimeout(greetingMilliseconds, undefined, { ref: false }), lost.promise])
      }
    } finally {
      closing.signal.removeEventListener('abort', giveUp)
      await Promise.race([client.end().catch(() => {}), setTimeout(partingMilliseconds)])
      socket.destroy()
    }
  }

  async function subscribe(client: pg.Client): Promise<void> {
    await client.connect()
    const { rows } = await client.query(`select ${channelName} as name`)
    await client.query(`listen ${pg.escapeIdentifier(rows[0].name)}`)
  }

  /** Of nodes that lost their server together not all come back at once. */
  async function pause(failures: number): Promise<void> {
    const milliseconds = Math.min(firstPauseMilliseconds * 2 ** failures, longestPauseMilliseconds)
    const waiting = setTimeout(milliseconds * (0.5 + Math.random() / 2), undefined, {
      ref: false,
      signal: closing.signal,
    })
    await waiting.catch(() => {})
  }

  return {
    isHeard: () => isHeard,
    listen: (listener) => {
      ended ??= listenOn(listener)
    },
    close: async () => {
      closing.abort()
      await ended
    },
  }
}
