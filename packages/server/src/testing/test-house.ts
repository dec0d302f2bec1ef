import { onTestFinished } from 'vitest'
import { assemble, type House } from '../cli/assemble.ts'
import { loadConfig } from '../config/load-config.ts'
import { newId } from '../crypto/secrets.ts'
import type { Log } from '../domain/log.ts'
import type { Origin } from '../domain/origin.ts'
import type { Caller, SessionId } from '../domain/session.ts'
import type { UserId } from '../domain/user.ts'
import { keptHashThreads } from './kept-hash-threads.ts'
import { testClock } from './test-clock.ts'
import { databaseSettings, freshDatabase } from './test-database.ts'

/** Every line that the product logged, as it would be written. */
export type LogLine = { level: string; message: string; fields: Record<string, unknown> }

export const ada = { email: 'ada@example.com', password: 'SecurePass123', origin: originAt('192.0.2.1') }
export const bob = { email: 'bob@example.com', password: 'AnotherGood1', origin: originAt('192.0.2.2') }

/** A client at an address, as the front of the house would describe it. */
export function originAt(address: string): Origin {
  return { address, network: address, userAgent: 'test', requestId: newId() }
}

/** Who an access token speaks for, as the front of the house would find out. */
export async function callerOf({ verifier }: Pick<House, 'verifier'>, accessToken: string): Promise<Caller> {
  const { user_id, sid } = await verifier.verify(accessToken)
  return { userId: user_id as UserId, sessionId: sid as SessionId }
}

/**
 * A whole, real product: a fresh database, on SQLite in memory, a clock moved by hand, cheap hashing, limits off unless the
 * settings turn them on. Ends with the test that made it.
 */
export async function testHouse(settings: Record<string, string> = {}) {
  const clock = testClock()
  const lines: LogLine[] = []
  const write = (level: string) => (fields: object, message: string) =>
    lines.push({ level, message, fields: { ...fields } })
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const config = loadConfig({
    NODE_ENV: 'test',
    DATABASE_URL: settings['DATABASE_URL'] ?? (await freshDatabase({ inMemory: true })),
    ...databaseSettings,
    PUBLIC_URL: 'http://localhost:8000',
    BCRYPT_COST: '4',
    RATE_LIMIT_LOGIN: 'off',
    RATE_LIMIT_SIGNUP: 'off',
    RATE_LIMIT_ACCOUNT: 'off',
    ...settings,
  })
  const house = assemble(config, { log, now: clock.now, hashThreads: keptHashThreads() })
  await house.migrations.up()
  onTestFinished(house.close)

  return { ...house, config, clock, lines, request: requester(house.app.fetch) }
}

type RequestOptions = {
  method?: string
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown
  token?: string
  headers?: Record<string, string>
  address?: string
}

/** Sends requests through the front door, without a socket. */
function requester(fetch: (request: Request, environment: object) => Response | Promise<Response>) {
  return async (path: string, { method, body, token, headers = {}, address = '192.0.2.1' }: RequestOptions = {}) => {
    const request = new Request(new URL(path, 'http://localhost:8000'), {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const response = await fetch(request, { remoteAddress: address })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) }
  }
}
