import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An address range as ipaddr.js reads it. */
type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** What a request says of the way that it came. */
export type Hops = {
  /** The address at the other end of the socket; undefined where there is none. */
  peer: string | undefined
  xForwardedFor: string | undefined
  forwarded: string | undefined
}

/** The longest chain that is read: a header is at most 16 KiB anyway, and honest ones have a handful of hops. */
const maxHops = 64
/** Whose socket names nobody. */
export const unknownAddress = 'unknown'

/**
 * The one spelling of an address: IPv4 dotted, also where it came mapped into IPv6 (`::ffff:1.2.3.4`); IPv6 as
 * RFC 5952 writes it, without a zone. `undefined` where the text is no address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (text.length > 64) return undefined
  // Most are, and it has one spelling alone.
  if (isIPv4(text)) return text
  const bare = withoutDots(text.replace(/%[^%\]]*$/, ''))
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !isIPv6(bare)) return undefined
  const address = ipaddr.process(bare)
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

/**
 * IPv6 in hexadecimal alone: ipaddr.js takes `::10.0.0.1` for `::ffff:10.0.0.1`, which is another address (RFC 4291,
 * section 2.5.5), and might be a trusted proxy's. What is no IPv4 at its end is left as it is.
 */
function withoutDots(text: string): string {
  return text.replace(/(?<=:)[0-9.]+(?=\/|$)/, (tail) => {
    if (!isIPv4(tail)) return tail
    const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
}

/** By what limits count a client: an IPv4 address, or the /64 of an IPv6 one, which is what one customer is given. */
export function networkOf(canonical: string): string {
  if (!canonical.includes(':')) return canonical
  const address = ipaddr.IPv6.parse(canonical)
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`
}

/** Reads the trusted ranges of the settings once. They were checked there. */
export function readRanges(texts: readonly string[]): Range[] {
  return texts.map((text) => {
    const [address, bits] = ipaddr.parseCIDR(withoutDots(text))
    const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96
    return isMapped ? [address.toIPv4Address(), bits - 96] : [address, bits]
  })
}

/** Says whether an address lies in one of the ranges. */
export function isWithin(canonical: string, ranges: readonly Range[]): boolean {
  if (ranges.length === 0 || !ipaddr.isValid(canonical)) return false
  const address = ipaddr.parse(canonical)
  return ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
}

/**
 * Who sent a request: the other end of the socket, or, where that is a trusted proxy, the last hop that no trusted
 * proxy vouches for, read from the right. What stands left of it anybody can write.
 *
 * `X-Forwarded-For` is read where there is one, else `Forwarded` (RFC 7239): a proxy that sets one must drop the other.
 * A hop that is no address ends the reading at the proxy that reported it.
 */
export function clientAddress(hops: Hops, trusted: readonly Range[]): string {
  let client = canonicalAddress(hops.peer ?? '') ?? unknownAddress
  if (!isWithin(client, trusted)) return client

  const reported = hops.xForwardedFor === undefined ? forwardedHops(hops.forwarded) : xForwardedHops(hops.xForwardedFor)
  for (const hop of reported.reverse().slice(0, maxHops)) {
    const address = addressOfHop(hop)
    if (!address) return client
    client = address
    if (!isWithin(client, trusted)) return client
  }
  return client
}

function xForwardedHops(header: string): string[] {
  return header.split(',').map((hop) => hop.trim())
}

/** `name=value` or `name="value"` and what ends it: `;` before the next pair, `,` before the next element, or the end. */
const forwardedPair = /[ \t]*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;\\]+))[ \t]*([,;]|$)/y

/**
 * The `for` of each element (RFC 7239, section 4), none where the header is malformed: a client that opens a quote
 * and leaves it open would otherwise have its own words read as what the proxy appended.
 */
function forwardedHops(header = ''): string[] {
  const pairs = new RegExp(forwardedPair)
  const elements: string[] = []
  let hop: string | undefined
  while (pairs.lastIndex < header.length) {
    const [, name = '', quoted, token, end] = pairs.exec(header) ?? []
    if (end === undefined) return []
    if (name.toLowerCase() === 'for') {
      if (hop !== undefined) return []
      hop = quoted ?? token ?? ''
    }
    if (end === ';') continue
    elements.push(hop ?? '')
    hop = undefined
  }
  return elements
}

/** `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:5678`. */
function addressOfHop(hop: string): string | undefined {
  const bracketed = /^\[([^\]]+)\](?::[0-9]{1,5})?$/.exec(hop)?.[1]
  const withPort = /^([0-9.]+):[0-9]{1,5}$/.exec(hop)?.[1]
  return canonicalAddress(bracketed ?? withPort ?? hop)
}
