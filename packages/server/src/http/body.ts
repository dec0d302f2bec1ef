import type { z } from '@hono/zod-openapi'
import { parseStrictJson, StrictJsonError } from '@latchkey/verify/strict-json'
import { Refusal } from '../domain/refusal.ts'
import type { HttpContext } from './context.ts'

/** Far beyond any honest body: a password of 1,024 bytes, every one escaped, fits. */
const maxBodyBytes = 16 * 1024

/** `application/json`, with no parameter but a charset of UTF-8 (RFC 8259, section 8.1). */
const jsonType = /^application\/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?$/i

/**
 * Reads a JSON body by the strict rules of the verifier (no duplicate members, no lone surrogates, no deep nesting),
 * then by the route's schema. Unknown members are ignored.
 *
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, VALIDATION_ERROR
 */
export async function readBody<Schema extends z.ZodType>(c: HttpContext, schema: Schema): Promise<z.output<Schema>> {
  assertJson(c)
  return check(schema, parse(await readBytes(c)))
}

/** The same for a route that can do without a body: nothing at all counts as `{}`. */
export async function readOptionalBody<Schema extends z.ZodType>(
  c: HttpContext,
  schema: Schema,
): Promise<z.output<Schema>> {
  const bytes = await readBytes(c)
  if (bytes.length === 0 && c.req.header('content-type') === undefined) return check(schema, {})
  assertJson(c)
  return check(schema, bytes.length === 0 ? {} : parse(bytes))
}

/** @throws {Refusal} VALIDATION_ERROR, one detail for each field that is wrong */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const details = result.error.issues.map(({ path, message }) => ({ field: path.join('.') || 'body', issue: message }))
  throw new Refusal('VALIDATION_ERROR', { details })
}

function assertJson(c: HttpContext): void {
  const isJson = jsonType.test(c.req.header('content-type') ?? '')
  if (!isJson || c.req.header('content-encoding') !== undefined) throw unsupported('application/json')
}

/** Says which type the body must have, and it alone: no coding. */
export function unsupported(type: string): Refusal {
  return new Refusal('UNSUPPORTED_MEDIA_TYPE', { details: [{ field: 'content-type', issue: `Must be ${type}` }] })
}

/**
 * The body as it came. One that breaks off is the client's doing: it is refused like any that is malformed.
 * @throws {Refusal} PAYLOAD_TOO_LARGE, VALIDATION_ERROR
 */
export async function readBytes(c: HttpContext): Promise<Uint8Array> {
  try {
    return await readAll(c)
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw new Refusal('VALIDATION_ERROR', { details: [{ field: 'body', issue: 'Did not arrive whole' }], cause })
  }
}

async function readAll(c: HttpContext): Promise<Uint8Array> {
  const declared = c.req.header('content-length')
  if (Number(declared ?? 0) > maxBodyBytes) throw new Refusal('PAYLOAD_TOO_LARGE')
  // Node hands on as much as was declared and no more: nothing is to be counted, and the adapter need make no stream.
  if (declared !== undefined && c.env?.incoming) return new Uint8Array(await c.req.raw.arrayBuffer())

  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of c.req.raw.body ?? []) {
    length += chunk.length
    if (length > maxBodyBytes) throw new Refusal('PAYLOAD_TOO_LARGE')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parse(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes)
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error
    throw new Refusal('VALIDATION_ERROR', { details: [{ field: 'body', issue: error.message }], cause: error })
  }
}
