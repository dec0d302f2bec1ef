/** By names in lower case, so that one which is set twice is one. */
export type HeaderFields = Record<Lowercase<string>, string>

/**
 * The headers of every answer: it is data for programs, opened by no browser, kept by no cache, read by no other site
 * (ASVS 5.0, chapters V3 and V14).
 */
export const baseHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/** A year, on every name below this one (RFC 6797). Only where the answer goes out over TLS. */
export const transportSecurity = 'max-age=31536000; includeSubDomains'
