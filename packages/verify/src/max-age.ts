const defaultSeconds = 5 * 60
export const leastMaxAgeSeconds = 30
const greatestSeconds = 60 * 60

/**
 * How long an answer may be used by what `Cache-Control: max-age` says, within 30 seconds and 1 hour; 5 minutes where it
 * says nothing.
 */
export function maxAgeOf(cacheControl: string): number {
  if (/\bno-(store|cache)\b/i.test(cacheControl)) return leastMaxAgeSeconds
  const stated = /(?:^|[\s,])max-age="?(\d{1,10})/i.exec(cacheControl)?.[1]
  if (stated === undefined) return defaultSeconds
  return Math.min(Math.max(Number(stated), leastMaxAgeSeconds), greatestSeconds)
}
