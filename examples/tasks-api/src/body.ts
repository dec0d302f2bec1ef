import { parseStrictJson, StrictJsonError } from '@latchkey/verify/strict-json'
import type { Context } from 'hono'
import { Refusal } from './refusal.ts'
import type { TaskChange } from './task-store.ts'

const jsonType = /^application\/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?$/i
const maxTitleLength = 500

/** @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR */
export async function readNewTask(c: Context): Promise<{ title: string }> {
  const { title } = await readObject(c)
  return { title: checkTitle(title) }
}

/** @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR */
export async function readTaskChange(c: Context): Promise<TaskChange> {
  const { title, is_completed } = await readObject(c)
  return { title: checkTitle(title), is_completed: is_completed === undefined ? undefined : checkFlag(is_completed) }
}

/**
 * No body, or one that does not say, means completed.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR
 */
export async function readCompletion(c: Context): Promise<{ is_completed: boolean }> {
  const isEmpty = (await c.req.arrayBuffer()).byteLength === 0
  const { is_completed = true } = isEmpty ? {} : await readObject(c)
  return { is_completed: checkFlag(is_completed) }
}

/** Members that nobody asks for are ignored. */
async function readObject(c: Context): Promise<Record<string, unknown>> {
  if (!jsonType.test(c.req.header('content-type') ?? '')) throw new Refusal('UNSUPPORTED_MEDIA_TYPE')
  const value = parse(await c.req.arrayBuffer())
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject) throw invalid('body', 'Must be an object')
  return value as Record<string, unknown>
}

/** Names that come twice, `__proto__` and deep nesting are refused too: others might read them otherwise. */
function parse(bytes: ArrayBuffer): unknown {
  try {
    return parseStrictJson(new Uint8Array(bytes))
  } catch (error) {
    if (error instanceof StrictJsonError) throw invalid('body', error.message, error)
    throw error
  }
}

/** Taken as it is, but for NUL, at which many a program that reads it would stop. */
function checkTitle(title: unknown): string {
  if (typeof title !== 'string') throw invalid('title', 'Must be text')
  if (title.includes('\0')) throw invalid('title', 'Must not contain NUL')
  if (title.trim() === '') throw invalid('title', 'Must not be blank')
  if ([...title].length > maxTitleLength) throw invalid('title', `Must have at most ${maxTitleLength} characters`)
  return title
}

function checkFlag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid('is_completed', 'Must be true or false')
  return value
}

function invalid(field: string, issue: string, cause?: unknown): Refusal {
  return new Refusal('VALIDATION_ERROR', { details: [{ field, issue }], cause })
}
