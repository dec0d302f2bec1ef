import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalAddress, clientAddress, isWithin, networkOf, readRanges } from './client-address.ts'

const proxy = '10.0.0.1'
const trusted = readRanges(['10.0.0.0/8', '2001:db8:ffff::/48'])

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['255.255.255.255', '255.255.255.255'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8::0:1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['FE80::1%25eth0', 'fe80::1'],
  ['::', '::'],
  ['::192.0.2.1', '::c000:201'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
])('canonicalAddress(%j) answers %j', (text, expected) => {
  const address = canonicalAddress(text)

  expect(address).toBe(expected)
})

test.each([
  '',
  ' ',
  'localhost',
  'unknown',
  '192.0.2',
  '192.0.2.1.',
  '192.0.2.256',
  '192.0.2.01',
  '::192.0.2.01',
  '::192.0.2.256',
  '::192.0.2',
  '0xc0.0.2.1',
  '3221225985',
  '192.0.2.1 ',
  ' 192.0.2.1',
  '192.0.2.1:80',
  '192.0.2.1/24',
  '[::1]',
  ':::1',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '2001:db8::g',
  '2001:db8::1::1',
  '\u0661.1.1.1',
  `::1%${'x'.repeat(100)}`,
  '1'.repeat(1_000_000),
])('canonicalAddress() answers undefined to %j', (text) => {
  const address = canonicalAddress(text)

  expect(address).toBeUndefined()
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['::1', '::/64'],
  ['unknown', 'unknown'],
])('networkOf(%j) answers %j', (address, expected) => {
  const network = networkOf(address)

  expect(network).toBe(expected)
})

test.each([
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '::a00:1', false],
  ['::10.0.0.0/104', '10.0.0.1', false],
  ['::ffff:10.0.0.0/104', '10.0.0.1', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['10.0.0.1/32', '10.0.0.1', true],
  ['10.0.0.1/32', '10.0.0.2', false],
  ['0.0.0.0/0', '203.0.113.1', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['2001:db8::/32', '2001:db8:ffff::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['::/0', '192.0.2.1', false],
  ['fe80::1%eth0/128', 'fe80::1', true],
  ['::ffff:10.0.0.0/104', '10.1.2.3', true],
  ['::ffff:10.0.0.0/104', '11.1.2.3', false],
  ['10.0.0.0/8', 'unknown', false],
  ['10.0.0.0/8', '', false],
])('isWithin() of the range %s and the address %j is %s', (range, address, expected) => {
  const within = isWithin(address, readRanges([range]))

  expect(within).toBe(expected)
})

test.each([
  ['one hop', '203.0.113.7', '203.0.113.7'],
  ['what the client wrote before', '6.6.6.6, 203.0.113.7', '203.0.113.7'],
  ['a trusted hop that the client wrote', '10.6.6.6, 203.0.113.7', '203.0.113.7'],
  ['a chain of trusted proxies', '203.0.113.7, 10.0.0.3, 10.0.0.2', '203.0.113.7'],
  ['a chain of trusted proxies behind a lie', '6.6.6.6, 203.0.113.7,10.0.0.3 ,10.0.0.2', '203.0.113.7'],
  ['trusted hops only', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['a hop with a port', '203.0.113.7:4711', '203.0.113.7'],
  ['an IPv6 hop', '2001:DB8::7', '2001:db8::7'],
  ['an IPv6 hop in brackets', '[2001:db8::7]', '2001:db8::7'],
  ['an IPv6 hop in brackets with a port', '[2001:db8::7]:4711', '2001:db8::7'],
  ['a mapped hop', '::ffff:203.0.113.7', '203.0.113.7'],
  ['a hop of the other family that is trusted', '203.0.113.7, 2001:db8:ffff::1', '203.0.113.7'],
  ['nothing', '', proxy],
  ['a hop that is no address', 'unknown', proxy],
  ['a hop that is no address behind an honest one', '203.0.113.7, garbage', proxy],
  ['a hop that is no address behind a trusted one', '203.0.113.7, garbage, 10.0.0.2', '10.0.0.2'],
  ['an empty hop', '203.0.113.7,', proxy],
  ['a hop with a line break', '203.0.113.7\n203.0.113.8', proxy],
])(
  'clientAddress() reads X-Forwarded-For of a trusted proxy from the right: %s [ASVS 15.3.4]',
  (_what, header, expected) => {
    const address = clientAddress({ peer: proxy, xForwardedFor: header, forwarded: undefined }, trusted)

    expect(address).toBe(expected)
  },
)

test.each([
  ['a token', 'for=203.0.113.7', '203.0.113.7'],
  ['any case of the name', 'For=203.0.113.7', '203.0.113.7'],
  ['a quoted address', 'for="203.0.113.7"', '203.0.113.7'],
  ['a quoted address with a port', 'for="203.0.113.7:4711"', '203.0.113.7'],
  ['a quoted IPv6 address', 'for="[2001:db8::7]"', '2001:db8::7'],
  ['a quoted IPv6 address with a port', 'for="[2001:DB8::7]:4711"', '2001:db8::7'],
  ['other parameters', 'by=10.0.0.1;for=203.0.113.7;host="a, b;c";proto=https', '203.0.113.7'],
  ['spaces between parts', 'by=10.0.0.1; for=203.0.113.7 , for=10.0.0.2', '203.0.113.7'],
  ['many elements', 'for=6.6.6.6, for=203.0.113.7, for=10.0.0.3', '203.0.113.7'],
  ['a hidden client', 'for=6.6.6.6, for=_hidden', proxy],
  ['a hidden client with a port', 'for=6.6.6.6, for="_hidden:4711"', proxy],
  ['an unknown client', 'for=6.6.6.6, for=unknown', proxy],
  ['an element without for', 'for=6.6.6.6, proto=https', proxy],
  ['an empty value', 'for=6.6.6.6, for=""', proxy],
  ['nothing', '', proxy],
  ['a quote that is never closed', 'for=6.6.6.6, for="203.0.113.7', proxy],
  ['two for in one element', 'for=6.6.6.6;for=203.0.113.7', proxy],
  ['no form at all', 'garbage', proxy],
  ['a pair that never comes', 'for=6.6.6.6;', proxy],
])('clientAddress() reads Forwarded of a trusted proxy from the right: %s', (_what, header, expected) => {
  const address = clientAddress({ peer: proxy, xForwardedFor: undefined, forwarded: header }, trusted)

  expect(address).toBe(expected)
})

test.each([
  ['for="', 'for="[2001:db8::7]:4711"'],
  ['for=6.6.6.6;x="', 'for="[2001:db8::7]:4711"'],
  ['for=6.6.6.6;x="', 'for=203.0.113.7;by="[2001:db8:ffff::1]"'],
  ['for=6.6.6.6;x="', 'for=203.0.113.7'],
  ['for=6.6.6.6;x="\\', 'for="[2001:db8::7]:4711"'],
  ['for=6.6.6.6\\', 'for=203.0.113.7'],
  ['for=6.6.6.6;', 'for=203.0.113.7'],
  ['for=6.6.6.6,', 'for=203.0.113.7'],
  ['"', 'for=203.0.113.7'],
])('clientAddress() believes no client that writes %j before what the proxy appends', (written, appended) => {
  const address = clientAddress(
    { peer: proxy, xForwardedFor: undefined, forwarded: `${written}, ${appended}` },
    trusted,
  )

  expect(address).not.toBe('6.6.6.6')
})

test('clientAddress() reads X-Forwarded-For where both headers come', () => {
  const hops = { peer: proxy, xForwardedFor: '203.0.113.7', forwarded: 'for=203.0.113.8' }

  const address = clientAddress(hops, trusted)

  expect(address).toBe('203.0.113.7')
})

test.each([
  [undefined, 'unknown'],
  ['', 'unknown'],
  ['garbage', 'unknown'],
  ['::ffff:203.0.113.1', '203.0.113.1'],
  ['fe80::1%eth0', 'fe80::1'],
])('clientAddress() of the peer %j alone is %j', (peer, expected) => {
  const address = clientAddress({ peer, xForwardedFor: undefined, forwarded: undefined }, trusted)

  expect(address).toBe(expected)
})

test('clientAddress() knows a trusted proxy by its mapped address too', () => {
  const hops = { peer: `::ffff:${proxy}`, xForwardedFor: '203.0.113.7', forwarded: undefined }

  const address = clientAddress(hops, trusted)

  expect(address).toBe('203.0.113.7')
})

test('clientAddress() reads no more than 64 hops', () => {
  const header = ['6.6.6.6', ...Array.from({ length: 64 }, () => '10.0.0.9')].join(', ')

  const address = clientAddress({ peer: proxy, xForwardedFor: header, forwarded: undefined }, trusted)

  expect(address).toBe('10.0.0.9')
})

test('clientAddress() takes nothing from a peer that is no trusted proxy, whatever it sends [ASVS 15.3.4, RFC9700-4.13]', () => {
  const property = fc.property(header(), header(), (xForwardedFor, forwarded) => {
    const address = clientAddress({ peer: '203.0.113.1', xForwardedFor, forwarded }, trusted)
    return address === '203.0.113.1'
  })

  fc.assert(property, { numRuns: 1_000 })
})

test('clientAddress() takes nothing from anybody where no proxy is trusted', () => {
  const property = fc.property(header(), header(), (xForwardedFor, forwarded) => {
    const address = clientAddress({ peer: proxy, xForwardedFor, forwarded }, [])
    return address === proxy
  })

  fc.assert(property)
})

test('clientAddress() answers the address that the trusted proxy appended, whatever stands before it', () => {
  const property = fc.property(header(), (written) => {
    const xForwardedFor = `${written}, 203.0.113.7`
    return clientAddress({ peer: proxy, xForwardedFor, forwarded: undefined }, trusted) === '203.0.113.7'
  })

  fc.assert(property, { numRuns: 1_000 })
})

test('clientAddress() answers what the trusted proxy appended to Forwarded, or the proxy, whatever stands before it', () => {
  const appended = fc.constantFrom('for=203.0.113.7', 'for="203.0.113.7:1"', 'for=203.0.113.7;by="[2001:db8:ffff::1]"')
  const property = fc.property(header(), appended, (written, last) => {
    const address = clientAddress({ peer: proxy, xForwardedFor: undefined, forwarded: `${written}, ${last}` }, trusted)
    return address === '203.0.113.7' || address === proxy
  })

  fc.assert(property, { numRuns: 5_000 })
})

test('clientAddress() answers a canonical address to anything, and never throws', () => {
  const property = fc.property(header(), header(), header(), (peer, xForwardedFor, forwarded) => {
    const addresses = [peer, proxy].flatMap((each) => [
      clientAddress({ peer: each, xForwardedFor, forwarded: undefined }, trusted),
      clientAddress({ peer: each, xForwardedFor: undefined, forwarded }, trusted),
    ])
    return addresses.every((address) => address === 'unknown' || canonicalAddress(address) === address)
  })

  fc.assert(property, { numRuns: 1_000 })
})

test.each([
  ['escaped quotes', 'for="', '\\"'],
  ['spaces', 'for=a', ' '],
  ['quotes', '', '"'],
  ['open quotes', '', 'for="'],
  ['elements', '', 'for=10.0.0.2,'],
  ['pairs', '', 'a=b;'],
  ['commas', '', ','],
  ['colons', '', ':'],
  ['percent signs', '', '%'],
])('clientAddress() reads a megabyte of %s in no time [ASVS 1.3.12]', (_what, start, unit) => {
  const hostile = `${start}${unit.repeat(Math.ceil(2 ** 20 / unit.length))}x`
  const began = performance.now()

  clientAddress({ peer: proxy, xForwardedFor: undefined, forwarded: hostile }, trusted)
  clientAddress({ peer: proxy, xForwardedFor: hostile, forwarded: undefined }, trusted)

  expect(performance.now() - began).toBeLessThan(1_000)
})

/** Headers that are nearly right, in pieces of what the formats are made of, and some that are noise. */
function header() {
  const piece = fc.constantFrom(
    ...['for=', 'For="', '"', '\\', ',', ';', ' ', '=', '[', ']', ':', '%', '_hidden', 'unknown', 'by=', 'x="'],
    ...['6.6.6.6', '10.0.0.2', '::1', '2001:db8::6', '[2001:db8::6]:80', '::ffff:6.6.6.6', '\u0000', '\u00fc'],
  )
  const pieces = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''))
  return fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 20 }))
}
