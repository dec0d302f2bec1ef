import { isUtf8 } from 'node:buffer'

/** Says which rule the input broke. The message never quotes the input. */
export class StrictJsonError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StrictJsonError'
  }
}

/** Enough for any claims set or request body of ours, and far from what a recursive reader further on can bear. */
const defaultMaxDepth = 32

/**
 * Reads one JSON text by rules under which every careful reader sees the same value.
 *
 * Beyond the grammar of RFC 8259 it refuses: bytes that are not UTF-8, a byte order mark, a member name that comes
 * twice in an object (escapes resolved), the member name `__proto__`, strings with a lone surrogate, numbers too
 * great for a double, and nesting beyond `maxDepth` levels (32). Time is linear in the input.
 *
 * It does NOT limit the length of the input, and does NOT refuse numbers that lose digits: 9007199254740993 is read
 * as 9007199254740992. The objects are plain ones: look up only names that you know, or use `Object.hasOwn`.
 *
 * @throws {StrictJsonError}
 */
export function parseStrictJson(
  input: string | Uint8Array,
  { maxDepth = defaultMaxDepth }: { maxDepth?: number } = {},
): unknown {
  const text = typeof input === 'string' ? input : decodeUtf8(input)
  if (!text.isWellFormed()) throw new StrictJsonError('JSON text holds a lone surrogate')
  const value = parseCanonical(text, maxDepth)
  if (value !== undefined) return value
  scan(text, maxDepth)
  return parse(text)
}

/**
 * The quick way for a text that is spelled as JSON.stringify spells its value: then no member comes twice and no number
 * is too great, for the value has lost what the text had. What else the rules ask is in no text without a backslash,
 * without the name `__proto__` and with few brackets. Answers undefined for any other text, be it good or bad.
 */
function parseCanonical(text: string, maxDepth: number): unknown {
  if (text.includes('\\') || text.includes('__proto__') || hasMoreBracketsThan(maxDepth, text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}

/** Counts those inside strings too: what stays under the limit with them does so without. */
function hasMoreBracketsThan(limit: number, text: string): boolean {
  let count = 0
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      count += 1
      if (count > limit) return true
    }
  }
  return false
}

function decodeUtf8(bytes: Uint8Array): string {
  // Unlike TextDecoder, Buffer keeps a byte order mark, and JSON.parse then refuses it.
  const text = asBuffer(bytes).toString('utf8')
  // What is not UTF-8 was replaced by this character, which may also have come as itself.
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw new StrictJsonError('JSON text is not valid UTF-8')
  return text
}

function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The cause would quote the input.
    throw new StrictJsonError('JSON text does not follow the grammar')
  }
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const minus = 0x2d
const zero = 0x30
const nine = 0x39

/**
 * Walks once over a text that may or may not be JSON and applies the rules that JSON.parse does not have.
 * What is no JSON at all may pass here: JSON.parse refuses it after.
 */
function scan(text: string, maxDepth: number): void {
  /** The member names seen so far in each object that is open; undefined for an open array. */
  const open: (Set<string> | undefined)[] = []
  const hasEscapes = text.includes('\\')
  let at = 0
  while (at < text.length) {
    const character = text.charCodeAt(at)
    if (character === quote) {
      at = scanString(text, at, open, hasEscapes)
      continue
    }
    if (character === openBrace || character === openBracket) {
      if (open.length >= maxDepth) throw new StrictJsonError('JSON text is nested too deeply')
      open.push(character === openBrace ? new Set() : undefined)
    } else if (character === closeBrace || character === closeBracket) {
      open.pop()
    } else if (character === minus || (character >= zero && character <= nine)) {
      at = scanNumber(text, at)
      continue
    }
    at += 1
  }
}

/** Reads the string that starts at `start`, as a member name when a colon follows. Returns where it ends. */
function scanString(text: string, start: number, open: (Set<string> | undefined)[], hasEscapes: boolean): number {
  // Without a backslash in the text a string ends at the next quote.
  const end = hasEscapes ? findStringEnd(text, start) : text.indexOf('"', start + 1) + 1
  if (end === 0) throw new StrictJsonError('JSON text does not follow the grammar')
  if (!hasEscapes && !isFollowedByColon(text, end)) return end
  const raw = text.slice(start + 1, end - 1)
  const value = raw.includes('\\') ? parseString(text.slice(start, end)) : raw
  if (isFollowedByColon(text, end)) noteName(value, open.at(-1))
  return end
}

function findStringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === quote) return at + 1
    if (character === backslash) at += 1
  }
  throw new StrictJsonError('JSON text does not follow the grammar')
}

function parseString(literal: string): string {
  const value = parse(literal)
  if (typeof value !== 'string') throw new StrictJsonError('JSON text does not follow the grammar')
  if (!value.isWellFormed()) throw new StrictJsonError('JSON text holds a lone surrogate')
  return value
}

function isFollowedByColon(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at += 1
  return text[at] === ':'
}

function noteName(name: string, names: Set<string> | undefined): void {
  if (names?.has(name)) throw new StrictJsonError('JSON text names a member twice')
  if (name === '__proto__') throw new StrictJsonError('JSON text names a member __proto__')
  names?.add(name)
}

const numberCharacters = /[-+.0-9eE]*/y

function scanNumber(text: string, start: number): number {
  numberCharacters.lastIndex = start
  const literal = numberCharacters.exec(text)?.[0] ?? ''
  if (Math.abs(Number(literal)) === Number.POSITIVE_INFINITY)
    throw new StrictJsonError('JSON text holds a number that is too great')
  return start + literal.length
}
