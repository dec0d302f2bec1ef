import type { AccessClaims } from './claims.ts'
import { httpRequest, keepAliveAgent } from './http-request.ts'
import { parseStrictJson } from './strict-json.ts'
import { TokenError } from './token-error.ts'

export interface Introspection {
  /**
   * Passes when the issuer says that the token is good now (RFC 7662 2.2).
   *
   * @param claims what the token says, its signature checked: an answer that disagrees is none
   * @throws {TokenError} AUTH_REVOKED or AUTH_EXPIRED when the issuer says no, REVOCATIONS_STALE when it says nothing
   */
  assertActive(token: string, claims: AccessClaims): Promise<void>
  /** Passes when the issuer answers questions. @throws {TokenError} REVOCATIONS_STALE */
  assertAnswered(): Promise<void>
  close(): void
}

interface Options {
  readonly issuer: string
  /** Where to ask; undefined while that is not known. */
  readonly endpoint: () => string | undefined
  /** Of an API: `latchkey apis add` prints it. */
  readonly credential: string
  /** Unix milliseconds. */
  readonly now: () => number
  /** A clock in milliseconds that is never set back. */
  readonly elapsed?: () => number
  readonly timeoutMilliseconds?: number
}

interface Flight {
  readonly askedAt: number
  readonly answer: Promise<void>
}

/** Questions beyond are not asked: an issuer in trouble is not to be drowned, and nobody waits behind a long queue. */
const maxFlights = 256
const connections = 16
const maxBytes = 64 * 1_024

/** Who asks of the same token within this shares the answer: no longer than a logout may take to hold elsewhere. */
const sharedMilliseconds = 100

/**
 * Asks the issuer about tokens, one by one (RFC 7662). No answer is kept, for a token may be revoked in the next instant
 * (section 4); only questions of the same token that come within a tenth of a second share one.
 */
export function introspectAt({
  issuer,
  endpoint,
  credential,
  now,
  elapsed = () => performance.now(),
  timeoutMilliseconds = 2_000,
}: Options): Introspection {
  const agent = keepAliveAgent(issuer, connections)
  const flights = new Map<string, Flight>()
  let flying = 0
  const closing = new AbortController()

  async function ask(token: string): Promise<Readonly<Record<string, unknown>>> {
    const url = endpoint()
    if (url === undefined) throw new Error('the issuer was not found, or names no introspection endpoint')
    const answer = await httpRequest(url, {
      agent,
      timeoutMilliseconds,
      maxBytes,
      isAwaited: true,
      signal: closing.signal,
      form: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${credential}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
    })
    if (answer.status !== 200) throw new Error(`the introspection was answered with ${answer.status}`)
    const value = parseStrictJson(answer.body)
    if (typeof value !== 'object' || value === null) throw new Error('the introspection was answered with no object')
    return value as Readonly<Record<string, unknown>>
  }

  async function askOrRefuse(token: string): Promise<Readonly<Record<string, unknown>>> {
    if (flying >= maxFlights) throw new TokenError('REVOCATIONS_STALE')
    flying += 1
    try {
      return await ask(token)
    } catch (cause) {
      throw new TokenError('REVOCATIONS_STALE', { cause })
    } finally {
      flying -= 1
    }
  }

  async function decide(token: string, claims: AccessClaims): Promise<void> {
    const answer = await askOrRefuse(token)
    if (answer['active'] === false) throw new TokenError(claims.exp * 1_000 <= now() ? 'AUTH_EXPIRED' : 'AUTH_REVOKED')
    if (answer['active'] !== true || !agrees(answer, claims)) {
      throw new TokenError('REVOCATIONS_STALE', {
        cause: new Error('the introspection was answered for another token'),
      })
    }
  }

  function begin(token: string, claims: AccessClaims): Promise<void> {
    const answer = decide(token, claims).finally(() => {
      const latest = flights.get(token)
      if (latest === flight) flights.delete(token)
    })
    const flight = { askedAt: elapsed(), answer }
    flights.set(token, flight)
    return answer
  }

  return {
    assertActive(token, claims) {
      const flight = flights.get(token)
      const isShared = flight !== undefined && elapsed() - flight.askedAt <= sharedMilliseconds
      return isShared ? flight.answer : begin(token, claims)
    },
    async assertAnswered() {
      await askOrRefuse('none')
    },
    close() {
      closing.abort()
      agent.destroy()
    },
  }
}

/** A refresh token is for the issuer alone; and what else the answer says must be what the token says. */
function agrees(answer: Readonly<Record<string, unknown>>, claims: AccessClaims): boolean {
  const said: Readonly<Record<string, unknown>> = claims
  const names = ['sub', 'sid', 'jti'].filter((name) => said[name] !== undefined)
  return answer['token_type'] === 'Bearer' && names.every((name) => answer[name] === said[name])
}
