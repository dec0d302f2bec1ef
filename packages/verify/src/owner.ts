/** A path as it came and what the router made of it. */
export interface OwnedPath {
  /** The request target as the client sent it: not decoded, not normalised, with or without a query. */
  readonly url: string
  /** What the router found for the parameter that names the owner. */
  readonly parameter: string
}

/**
 * Whether a path belongs to the user, and to nobody else in anyone's reading.
 *
 * The router's value must be the user's id, and the id must stand in the path as it was sent, letter for letter, as a
 * segment of its own with only plain segments before it. An id that is encoded, in another case, padded or dotted, and
 * a path with empty segments before the id or dot segments
 * anywhere, is refused: a proxy might read it as another user's.
 */
export function isOwner({ url, parameter }: OwnedPath, userId: string): boolean {
  return parameter === userId && standsPlainly(url, userId)
}

/** Segments that nobody reads in two ways, none empty but the last, and none of dots. */
const plainPath = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+,=-]+)+\/?$/

function standsPlainly(url: string, userId: string): boolean {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (plainPath.test(path) && isSegmentAt(path.indexOf(userId), path, userId)) return true
  const [root, ...segments] = path.split('/')
  const at = segments.indexOf(userId)
  const isUnmistakable = segments.slice(0, at).every(isPlain) && !hasDotSegment(path)
  return root === '' && at >= 0 && isUnmistakable && !path.includes('#')
}

function isSegmentAt(at: number, path: string, { length }: string): boolean {
  return at > 0 && path[at - 1] === '/' && (at + length === path.length || path[at + length] === '/')
}

/** Nothing that a reader could decode, drop or take for a separator. */
function isPlain(segment: string): boolean {
  return /^[A-Za-z0-9._~:@+,=-]+$/.test(segment)
}

/** Also where somebody further on decodes a separator first, or cuts a segment at a semicolon. */
function hasDotSegment(path: string): boolean {
  return path.split(/\/|\\|%2f|%5c/i).some((segment) => /^(?:\.|%2e){1,2}(?:;|$)/i.test(segment))
}
