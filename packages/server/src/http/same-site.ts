import { Refusal } from '../domain/refusal.ts'
import type { HttpContext, HttpSettings } from './context.ts'

const safeMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses a request that a browser makes with our cookie on behalf of another site. Browsers name the page's origin
 * in `Origin`, and its relation to us in `Sec-Fetch-Site`; a program that is no browser sends neither, and has no
 * cookie that was not given to it.
 *
 * @throws {Refusal} AUTH_FORBIDDEN
 */
export function assertSameSite(c: HttpContext, { publicUrl, corsOrigins }: HttpSettings): void {
  if (safeMethods.includes(c.req.method)) return
  const origin = c.req.header('origin')
  const own = [new URL(publicUrl).origin, new URL(c.req.url).origin]
  if (origin !== undefined) {
    if (own.includes(origin) || corsOrigins.includes(origin)) return
    throw new Refusal('AUTH_FORBIDDEN')
  }
  const site = c.req.header('sec-fetch-site') ?? 'none'
  if (site !== 'same-origin' && site !== 'same-site' && site !== 'none') throw new Refusal('AUTH_FORBIDDEN')
}
