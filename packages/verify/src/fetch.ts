import type { AccessClaims } from './claims.ts'
import { admit, admitOwner, type GuardedRequest, type Verdict } from './guard.ts'
import type { Verifier } from './verifier.ts'

export { health } from './health.ts'

/** Who asks, or the answer to send instead of yours. */
export type FetchVerdict =
  | { readonly claims: AccessClaims; readonly refusal?: undefined }
  | { readonly claims?: undefined; readonly refusal: Response }

/**
 * Judges a request of a plain `fetch` handler by its token.
 *
 * Does NOT compare the path with the token: for `/{user_id}/...` use `authenticateOwner`.
 */
export function authenticate(verifier: Verifier): (request: Request) => Promise<FetchVerdict> {
  return async (request) => toFetchVerdict(await admit(verifier, describeFetch(request)))
}

/**
 * Judges a request of a plain `fetch` handler by its token, and by the user id that your router found in its path: it
 * must be the token's, letter for letter. Where your router found none the answer is 500.
 *
 * Does NOT see dot segments: `Request` has taken them out of its URL.
 */
export function authenticateOwner(
  verifier: Verifier,
): (request: Request, userId: string | undefined) => Promise<FetchVerdict> {
  return async (request, userId) => toFetchVerdict(await admitOwner(verifier, describeFetch(request), userId))
}

/** A request as the runtime made it: its URL is normalised, and its headers of one name are joined. */
export function describeFetch({ url, headers }: Pick<Request, 'url' | 'headers'>): GuardedRequest {
  return {
    authorization: splitJoined(headers.get('authorization')),
    url: targetOf(url),
    findRequestId: () => undefined,
  }
}

/** Path and query of a URL as a `Request` holds it, which is normalised. */
function targetOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const end = url.indexOf('#')
  return url.slice(start, end < 0 ? undefined : end)
}

/** Fetch joins headers of one name with a comma, which no Bearer token contains. */
function splitJoined(authorization: string | null): string[] {
  return authorization === null ? [] : authorization.split(/,\s*(?=bearer(?:\s|$))/i)
}

function toFetchVerdict({ claims, problem }: Verdict): FetchVerdict {
  if (!problem) return { claims }
  const { status, headers, body } = problem
  return { refusal: new Response(JSON.stringify(body), { status, headers }) }
}
