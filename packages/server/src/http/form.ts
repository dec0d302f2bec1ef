import type { z } from '@hono/zod-openapi'
import { Refusal } from '../domain/refusal.ts'
import { check, readBytes, unsupported } from './body.ts'
import type { HttpContext } from './context.ts'

/** `application/x-www-form-urlencoded`, with no parameter but a charset of UTF-8. */
const formType = /^application\/x-www-form-urlencoded\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?$/i

/**
 * Reads a form as OAuth sends it, then checks it by the route's schema: UTF-8, every parameter at most once, one
 * without a value counts as not sent, unknown ones are ignored (RFC 6749, section 3.2 and appendix B).
 *
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, VALIDATION_ERROR
 */
export async function readForm<Schema extends z.ZodType>(c: HttpContext, schema: Schema): Promise<z.output<Schema>> {
  const isForm = formType.test(c.req.header('content-type') ?? '')
  if (!isForm || c.req.header('content-encoding') !== undefined) throw unsupported('application/x-www-form-urlencoded')
  return check(schema, parse(await readBytes(c)))
}

function parse(bytes: Uint8Array): Record<string, string> {
  const found = new Map<string, string>()
  for (const pair of decode(bytes).split('&').filter(Boolean)) {
    const [name = '', ...rest] = pair.split('=').map(unescaped)
    if (found.has(name)) throw malformed('Must send each parameter once')
    found.set(name, rest.join('='))
  }
  return Object.fromEntries([...found].filter(([, value]) => value !== ''))
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed('Must be UTF-8', cause)
  }
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch (cause) {
    throw malformed('Must be percent-encoded UTF-8', cause)
  }
}

function malformed(issue: string, cause?: unknown): Refusal {
  return new Refusal('VALIDATION_ERROR', { details: [{ field: 'body', issue }], cause })
}
