import type { Agent } from 'node:http'
import { type HttpAnswer, httpRequest } from './http-request.ts'
import { leastMaxAgeSeconds, maxAgeOf } from './max-age.ts'
import { parseStrictJson } from './strict-json.ts'

/** Where the issuer has what a verifier asks for; undefined where its metadata does not name it. */
export interface Endpoints {
  /** `jwks_uri`: not in shared-secret mode. */
  readonly keySet: string | undefined
  /** `status_list_aggregation_endpoint` (draft-ietf-oauth-status-list, section 9.2). */
  readonly statusLists: string | undefined
  /** `latchkey_revocation_stream`: a name of ours. */
  readonly revocationStream: string | undefined
  /** `introspection_endpoint` (RFC 7662). */
  readonly introspection: string | undefined
}

export interface Discovery {
  /**
   * What the metadata says: at once when it was had before, and then asked for again in the background when it is too
   * old. An answer that cannot be had or read leaves what is known in use: it is all of the issuer's own origin.
   *
   * @throws {Error} which says why nothing is known
   */
  find(): Promise<Endpoints>
  /** What is known without asking. */
  atHand(): Endpoints | undefined
}

interface Options {
  readonly issuer: string
  readonly agent: Agent
  /** A clock in milliseconds that is never set back. */
  readonly elapsed?: () => number
  readonly timeoutMilliseconds?: number
}

const wellKnown = '/.well-known/oauth-authorization-server'
const maxBytes = 64 * 1_024

/**
 * Finds the endpoints of an issuer by its metadata (RFC 8414). Nothing is asked for before `find`.
 *
 * The document is at `/.well-known/oauth-authorization-server`, followed by the issuer's path if it has one (section
 * 3.1); where that answers 404 an issuer with a path is asked below its path too. Refused are another issuer's document
 * (section 3.3), redirects, what is no strict JSON, more than 64 KiB, and endpoints of another origin than the issuer's:
 * whoever can change the document sends nobody, and no credential, elsewhere. Without the document nothing is found, and
 * no path is guessed.
 */
export function discover({ issuer, agent, elapsed = () => performance.now(), ...limits }: Options): Discovery {
  const { timeoutMilliseconds = 5_000 } = limits
  let known: Endpoints | undefined
  let renewAt = 0
  let flight: Promise<Endpoints> | undefined

  async function ask(url: string): Promise<HttpAnswer> {
    return httpRequest(url, { agent, timeoutMilliseconds, maxBytes, headers: { accept: 'application/json' } })
  }

  async function load(): Promise<Endpoints> {
    try {
      const [first, second] = addressesOf(issuer)
      let answer = await ask(first)
      if (answer.status === 404 && second !== undefined) answer = await ask(second)
      if (answer.status !== 200) throw new Error(`${first} was answered with ${answer.status}`)
      known = readMetadata(answer.body, issuer)
      renewAt = elapsed() + maxAgeOf(String(answer.headers['cache-control'] ?? '')) * 1_000
      return known
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'the issuer could not be asked'
      throw new Error(`Cannot read the metadata of the issuer: ${reason}`, { cause })
    }
  }

  function loadOnce(): Promise<Endpoints> {
    flight ??= load().finally(() => {
      flight = undefined
    })
    return flight
  }

  return {
    async find() {
      if (known === undefined) return loadOnce()
      if (elapsed() >= renewAt) {
        renewAt = elapsed() + leastMaxAgeSeconds * 1_000
        loadOnce().catch(() => {})
      }
      return known
    },
    atHand: () => known,
  }
}

/** First where RFC 8414, section 3.1, has it. */
function addressesOf(issuer: string): [first: string, second?: string] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return path === '' ? [origin + wellKnown] : [origin + wellKnown + path, origin + path + wellKnown]
}

function readMetadata(body: Buffer, issuer: string): Endpoints {
  const value = parseStrictJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no JSON object')
  const metadata = value as Readonly<Record<string, unknown>>
  if (metadata['issuer'] !== issuer) throw new Error('it is of another issuer')
  const { origin } = new URL(issuer)
  return {
    keySet: endpointOf(metadata, 'jwks_uri', origin),
    statusLists: endpointOf(metadata, 'status_list_aggregation_endpoint', origin),
    revocationStream: endpointOf(metadata, 'latchkey_revocation_stream', origin),
    introspection: endpointOf(metadata, 'introspection_endpoint', origin),
  }
}

function endpointOf(metadata: Readonly<Record<string, unknown>>, name: string, origin: string): string | undefined {
  const value = metadata[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !URL.canParse(value)) throw new Error(`its ${name} is no address`)
  const url = new URL(value)
  if (url.hash !== '' || url.username !== '' || url.password !== '') throw new Error(`its ${name} is no plain address`)
  if (url.origin !== origin) throw new Error(`its ${name} is not of the issuer's origin`)
  return url.href
}
