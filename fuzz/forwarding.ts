import fc from 'fast-check'
import proxyAddr from 'proxy-addr'
import { canonicalAddress, clientAddress, isWithin, readRanges } from '../packages/server/src/http/client-address.ts'

const proxies = ['10.0.0.0/8', '127.0.0.1/32', '2001:db8:ffff::/48', '::1/128']
const trusted = readRanges(proxies)
const trusts = proxyAddr.compile(proxies)

/** One hop of a header: as a proxy wrote it, and without what the oracle does not know of (ports, brackets, zones). */
type Hop = { written: string; plain: string }

const inProxies = fc.oneof(
  fc.constantFrom('127.0.0.1', '::1', '::ffff:10.0.0.9', '2001:db8:ffff::7'),
  fc.ipV4().map((address) => `10.${address.split('.').slice(1).join('.')}`),
)
const address = fc.oneof({ weight: 3, arbitrary: inProxies }, { weight: 1, arbitrary: fc.ipV4() }, fc.ipV6())
const port = fc.nat(65_535)
const hop: fc.Arbitrary<Hop> = fc.oneof(
  { weight: 8, arbitrary: address.map((plain) => ({ written: plain, plain })) },
  fc.tuple(address, port).map(([plain, number]) => ({
    written: plain.includes(':') ? `[${plain}]:${number}` : `${plain}:${number}`,
    plain,
  })),
  address.filter((plain) => plain.includes(':')).map((plain) => ({ written: `[${plain}]`, plain })),
  fc
    .oneof(
      fc.constantFrom('', 'unknown', '_hidden', '999.1.1.1', '10.0.0', '1', '0x7f.1', 'for=10.0.0.1'),
      fc.string({ maxLength: 12 }),
    )
    .map((text) => text.replace(/[\s,]/g, ''))
    .map((plain) => ({ written: plain, plain })),
)
const hops = fc.array(fc.tuple(fc.constantFrom('', ' ', '  '), hop, fc.constantFrom('', ' ')), { maxLength: 8 })

/**
 * Reads X-Forwarded-For as `proxy-addr` (which Express trusts) does. Where ours answers otherwise, a hop was no address:
 * the oracle passes such a hop on, or passes over an empty one; ours answers the trusted proxy that reported it. So what
 * ours answers was either found by the oracle too, or is an address of the operator's own.
 */
export const readsForwardingAsOracle = fc.property(address, hops, (peer, written) => {
  const textOf = (form: keyof Hop) => written.map(([before, one, after]) => before + one[form] + after).join(',')
  const ours = clientAddress({ peer, xForwardedFor: textOf('written'), forwarded: undefined }, trusted)
  const request = { socket: { remoteAddress: peer }, headers: { 'x-forwarded-for': textOf('plain') } }
  const theirs = canonicalAddress(proxyAddr(request as unknown as Parameters<typeof proxyAddr>[0], trusts))

  const isAllAddresses = written.every(([, { plain }]) => canonicalAddress(plain) !== undefined)
  return ours === theirs || (!isAllAddresses && isWithin(ours, trusted))
})
