import type { IncomingMessage } from 'node:http'
import type { Verifier } from '@latchkey/verify'
import type { Context } from 'hono'
import type { Auth } from '../auth.ts'
import type { Log } from '../domain/log.ts'
import type { Origin } from '../domain/origin.ts'
import type { RevocationFeed } from '../flows/follow-revocations.ts'
import type { StatusLists } from '../flows/publish-status-lists.ts'
import type { RefusalTally } from '../flows/tally-refusals.ts'
import type { HeaderFields } from './headers.ts'
import type { Metrics } from './metrics.ts'

/** What the front of the house is given. */
export type HttpDeps = {
  auth: Auth
  verifier: Verifier
  revocations: RevocationFeed
  statusLists: StatusLists
  refusals: RefusalTally
  metrics: Metrics
  log: Log
  publicKeys(): Promise<{ keys: Readonly<Record<string, unknown>>[] }>
  /** @throws {Error} where requests cannot be served now */
  assertReady(): Promise<void>
  now(): number
  newId(): string
  settings: HttpSettings
}

export type HttpSettings = {
  publicUrl: string
  corsOrigins: readonly string[]
  trustedProxies: readonly string[]
  keySetMaxAgeSeconds: number
  /** Not in shared-secret mode: its key set is empty. */
  publishesKeys: boolean
  statusListTtlSeconds: number
  /** Whether everyone may follow the stream, or APIs with a credential alone. */
  revocationStream: 'public' | 'credential'
  servesDocs: boolean
  servesMetrics: boolean
}

/** What the platform tells of a request: Node's own objects, or at least an address. */
export type Bindings = { incoming?: IncomingMessage; remoteAddress?: string }

/** What of a request was learnt when it came, and what its answer will bear: see `answer`. */
export type Variables = {
  origin: Origin
  isSecure: boolean
  /** As it was sent: see `pathOf`. */
  path: string
  headers: HeaderFields
  cookies: string[]
}

export type HttpEnv = { Bindings: Bindings; Variables: Variables }

export type HttpContext = Context<HttpEnv>
