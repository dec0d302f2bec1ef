import { type Origin, printableUserAgent } from '../domain/origin.ts'
import {
  canonicalAddress,
  clientAddress,
  type Hops,
  isWithin,
  networkOf,
  readRanges,
  unknownAddress,
} from './client-address.ts'
import type { HttpContext, HttpSettings } from './context.ts'

/** Where a request came from, and whether its last leg to the client was over TLS. */
export type Arrival = { origin: Origin; isSecure: boolean }

/** Who waits for the answer to a request, and a signal that comes when nobody does any more. */
export function senderOf(c: HttpContext): { origin: Origin; signal: AbortSignal } {
  return { origin: c.get('origin'), signal: c.req.raw.signal }
}

function hopsOf(c: HttpContext, peer: string | undefined): Hops {
  return { peer, xForwardedFor: c.req.header('x-forwarded-for'), forwarded: c.req.header('forwarded') }
}

/** Reads arrivals by the settings: forwarding headers count only where a trusted proxy sent them. */
export function arrivalReader({ publicUrl, trustedProxies }: HttpSettings) {
  const trusted = readRanges(trustedProxies)
  const isPublishedSecure = publicUrl.startsWith('https:')

  return (c: HttpContext, requestId: string): Arrival => {
    const peer = c.env?.incoming?.socket.remoteAddress ?? c.env?.remoteAddress
    const peerAddress = canonicalAddress(peer ?? '') ?? unknownAddress
    const isProxied = isWithin(peerAddress, trusted)
    const address = isProxied ? clientAddress(hopsOf(c, peer), trusted) : peerAddress
    const isForwardedSecure = isProxied && c.req.header('x-forwarded-proto')?.trim().toLowerCase() === 'https'
    return {
      origin: {
        address,
        network: networkOf(address),
        userAgent: printableUserAgent(c.req.header('user-agent') ?? ''),
        requestId,
      },
      isSecure: isPublishedSecure || isForwardedSecure || c.req.url.startsWith('https:'),
    }
  }
}
