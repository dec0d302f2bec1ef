import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Verifier } from '@latchkey/verify'
import { assemble } from './cli/assemble.ts'
import { createLog } from './cli/log.ts'
import { ConfigError, loadConfig } from './config/load-config.ts'
import { type SettingName, settings } from './config/settings.ts'
import type { Log } from './domain/log.ts'
import { nodeListener } from './http/node-listener.ts'

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Lowercase<Tail>>>}`
  : Lowercase<Name>

/** Every variable of docs/configuration.md under its name in camel case: `ACCESS_TOKEN_TTL` is `accessTokenTtl`. */
export type LatchkeySettings = {
  [Name in Exclude<SettingName, 'HOST' | 'PORT'> as CamelCase<Name>]?: string | number | readonly string[] | undefined
}

export type LatchkeyOptions = LatchkeySettings & {
  /** Where operational lines go; JSON lines on standard output otherwise. */
  log?: Log
  /** `test` allows a bcrypt cost from 4. */
  environment?: 'production' | 'test'
}

/** An authentication server inside your own program. */
export type Latchkey = {
  /**
   * Answers `/api/auth/*`, `/.well-known/*`, `/healthz`, `/readyz`, `/docs` and `/openapi.json`; 404 for the rest.
   * `/metrics` is off unless the settings say otherwise.
   * @param environment what the platform tells: under `@hono/node-server` its `{ incoming }`; elsewhere give
   *   `{ remoteAddress }`, without which every client counts as one
   */
  fetch(request: Request, environment?: { incoming?: IncomingMessage; remoteAddress?: string }): Promise<Response>
  /** Says whether a path (without its query) is one that `fetch` answers: what is not, is yours. */
  handles(path: string): boolean
  /**
   * The same as `fetch` for `node:http` and what stands on it, such as Express. It reads the body itself: put it
   * before whatever else does, such as `express.json()`. `app.use('/api/auth', ...)` may cut the path: it is put back.
   */
  nodeListener(incoming: IncomingMessage, outgoing: ServerResponse): void
  /** Verifies access tokens in this process: it knows of a logout when the logout answers. */
  verifier: Verifier
  /**
   * Brings the database up to this program; answers the names of what was done. Call it before the first request. From
   * then on expired rows are removed now and then.
   */
  migrate(): Promise<string[]>
  /** Ends streams, lets requests in flight be answered, and lets go of threads and files. */
  close(): Promise<void>
}

/** Longer than any request takes. */
const drainMilliseconds = 20_000

/**
 * Makes an authentication server to mount in a program of one's own. It reads no environment variable and no file
 * but those that the settings name, and opens nothing before `migrate()` or the first request.
 *
 * @throws {ConfigError} which names every setting that is wrong
 */
export function createLatchkey(options: LatchkeyOptions = {}): Latchkey {
  const { log, environment = 'production', ...given } = options
  const config = loadConfig({ METRICS: 'off', ...toVariables(given), NODE_ENV: environment })
  const logTo = log ?? createLog(config.LOG_LEVEL)
  const house = assemble(config, { log: logTo })
  const inFlight = new Set<Promise<Response>>()
  if (given.publicUrl === undefined) {
    logTo.warn({ issuer: config.PUBLIC_URL }, 'publicUrl is not set: verifiers elsewhere must find the server there')
  }

  function answer(request: Request, bindings: object = {}): Promise<Response> {
    const answered = Promise.resolve(house.app.fetch(request, bindings))
    inFlight.add(answered)
    return answered.finally(() => inFlight.delete(answered))
  }

  async function close(): Promise<void> {
    house.revocations.close()
    const patience = AbortSignal.timeout(drainMilliseconds)
    await Promise.race([Promise.allSettled(inFlight), once(patience, 'abort')])
    await house.close()
  }

  async function migrate(): Promise<string[]> {
    const applied = await house.migrate()
    house.expiry.start()
    return applied
  }

  return {
    fetch: answer,
    handles: house.handles,
    nodeListener: nodeListener(answer, { handles: house.handles }),
    verifier: house.verifier,
    migrate,
    close,
  }
}

function toVariables(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const names = Object.keys(settings).filter((name) => name !== 'HOST' && name !== 'PORT')
  const nameOf = new Map(
    names.map((name) => [name.toLowerCase().replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase()), name]),
  )
  const unknown = Object.keys(given).filter((option) => !nameOf.has(option))
  if (unknown.length > 0) throw new ConfigError(unknown.map((option) => `there is no option "${option}"`))

  const variables = Object.entries(given).filter(([, value]) => value !== undefined)
  return Object.fromEntries(variables.map(([option, value]) => [nameOf.get(option) ?? option, String(value)]))
}

export { ConfigError }
