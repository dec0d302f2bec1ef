import { generateCookie, getCookie } from 'hono/cookie'
import type { CookieOptions } from 'hono/utils/cookie'
import type { TokenPair } from '../auth.ts'
import { deviceSeconds } from '../domain/limit.ts'
import { addCookie } from './answer.ts'
import type { HttpContext } from './context.ts'

const authPath = '/api/auth'
export const refreshPath = '/api/auth/refresh'
/** Browsers keep no cookie longer (RFC 6265bis, section 5.5). */
const maxAgeLimitSeconds = 400 * 86_400

/** A prefix binds a cookie to its host and to TLS (RFC 6265bis, section 4.1.3); `__Host-` demands the path `/`. */
function names(isSecure: boolean) {
  return isSecure
    ? { access: '__Host-auth-token', refresh: '__Secure-refresh-token', device: '__Secure-device' }
    : { access: 'auth-token', refresh: 'refresh-token', device: 'device' }
}

function options(c: HttpContext, path: string): CookieOptions {
  return { httpOnly: true, sameSite: 'Strict', secure: c.get('isSecure'), path }
}

/** Sets both tokens for browsers: no script can read them, no other site can send them. */
export function setTokenCookies(c: HttpContext, pair: TokenPair): void {
  const { access, refresh } = names(c.get('isSecure'))
  const accessAge = Math.min(pair.expiresInSeconds, maxAgeLimitSeconds)
  const refreshAge = Math.min(pair.refreshExpiresInSeconds, maxAgeLimitSeconds)
  addCookie(c, generateCookie(access, pair.accessToken, { ...options(c, '/'), maxAge: accessAge }))
  addCookie(c, generateCookie(refresh, pair.refreshToken, { ...options(c, refreshPath), maxAge: refreshAge }))
}

export function clearTokenCookies(c: HttpContext): void {
  const { access, refresh } = names(c.get('isSecure'))
  addCookie(c, generateCookie(access, '', { ...options(c, '/'), maxAge: 0 }))
  addCookie(c, generateCookie(refresh, '', { ...options(c, refreshPath), maxAge: 0 }))
}

export function accessCookie(c: HttpContext): string | undefined {
  return getCookie(c, names(c.get('isSecure')).access)
}

export function refreshCookie(c: HttpContext): string | undefined {
  return getCookie(c, names(c.get('isSecure')).refresh)
}

/** A logout leaves it: who signed in here is no stranger here. */
export function setDeviceCookie(c: HttpContext, deviceToken: string): void {
  const { device } = names(c.get('isSecure'))
  addCookie(c, generateCookie(device, deviceToken, { ...options(c, authPath), maxAge: deviceSeconds }))
}

export function deviceCookie(c: HttpContext): string | undefined {
  return getCookie(c, names(c.get('isSecure')).device)
}
