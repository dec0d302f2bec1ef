import type { LoadedKeySet } from './key-source.ts'
import { maxAgeOf } from './max-age.ts'
import { parseStrictJson } from './strict-json.ts'

interface Limits {
  timeoutMilliseconds?: number
  maxBytes?: number
}

/**
 * Fetches a JWK set (RFC 7517 5) over HTTP, by strict JSON.
 *
 * Redirects are not followed, an answer beyond 64 KiB or 5 seconds is given up. How long the set may be used is what
 * `Cache-Control: max-age` says, within 30 seconds and 1 hour; 5 minutes where it says nothing.
 * Does NOT look at the keys: that is `keys.ts`. Does NOT demand https: that is the operator's choice of issuer.
 *
 * @throws {Error} whatever stopped it
 */
export async function fetchKeySet(
  url: string,
  { timeoutMilliseconds = 5_000, maxBytes = 64 * 1_024 }: Limits = {},
): Promise<LoadedKeySet> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMilliseconds),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`Cannot fetch the key set: the issuer answered ${response.status}`)
  }

  const set = parseStrictJson(await readBody(response, maxBytes))
  return { set, maxAgeSeconds: maxAgeOf(response.headers.get('cache-control') ?? '') }
}

async function readBody(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength
    // Leaving the loop cancels the body.
    if (length > maxBytes) throw new Error(`Cannot fetch the key set: it has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
