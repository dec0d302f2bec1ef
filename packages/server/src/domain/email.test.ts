import fc from 'fast-check'
import { expect, test } from 'vitest'
import { localPartOf, maxEmailLength, normalizeEmail } from './email.ts'
import { Refusal } from './refusal.ts'

const invalid = expect.objectContaining({
  code: 'VALIDATION_ERROR',
  details: [{ field: 'email', issue: 'Must be an email address' }],
})

test.each([
  ['ada@example.com', 'ada@example.com'],
  ['  ada@example.com\t\r\n', 'ada@example.com'],
  ['\u00a0ada@example.com\ufeff', 'ada@example.com'],
  ['ADA@EXAMPLE.COM', 'ada@example.com'],
  ['a@b.co', 'a@b.co'],
  ['ada.lovelace+tag@sub.example.co.uk', 'ada.lovelace+tag@sub.example.co.uk'],
  ["!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"],
  ['1@example.com', '1@example.com'],
  ['ada@1.example', 'ada@1.example'],
  ['ada@mail.1.example', 'ada@mail.1.example'],
  ['ada@example.a1', 'ada@example.a1'],
  ['ada@example.1a', 'ada@example.1a'],
  ['zoe\u0308@example.com', 'zo\u00eb@example.com'],
  ['ZO\u00cb@example.com', 'zo\u00eb@example.com'],
  ['\u7528\u6237@example.com', '\u7528\u6237@example.com'],
  ['\u0430\u0434\u0430@example.com', '\u0430\u0434\u0430@example.com'],
  ['\u0661@example.com', '\u0661@example.com'],
  ['ada@b\u00fccher.example', 'ada@xn--bcher-kva.example'],
  ['ada@BU\u0308CHER.example', 'ada@xn--bcher-kva.example'],
  ['ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
  ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example'],
  ['ada@fa\u00df.example', 'ada@xn--fa-hia.example'],
  ['ada@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com', 'ada@example.com'],
  ['ada@example\u3002com', 'ada@example.com'],
  ['ada@e\u212axample.com', 'ada@ekxample.com'],
])('normalizeEmail(%j) answers %j', (typed, expected) => {
  const email = normalizeEmail(typed)

  expect(email).toBe(expected)
})

test.each([
  ['nothing', ''],
  ['spaces', '   '],
  ['no @', 'ada.example.com'],
  ['no local part', '@example.com'],
  ['no domain', 'ada@'],
  ['two @', 'ada@bob@example.com'],
  ['a domain of one label', 'ada@localhost'],
  ['a dot at the end of the domain', 'ada@example.com.'],
  ['a dot at the start of the domain', 'ada@.example.com'],
  ['two dots in the domain', 'ada@example..com'],
  ['a dot at the start of the local part', '.ada@example.com'],
  ['a dot at the end of the local part', 'ada.@example.com'],
  ['two dots in the local part', 'ada..lovelace@example.com'],
  ['a space in the local part', 'ada lovelace@example.com'],
  ['a space in the domain', 'ada@exam ple.com'],
  ['a quoted local part', '"ada lovelace"@example.com'],
  ['a comment', 'ada(comment)@example.com'],
  ['a name and angle brackets', 'Ada <ada@example.com>'],
  ['two addresses', 'ada@example.com,bob@example.com'],
  ['an IPv4 literal', 'ada@[192.0.2.1]'],
  ['an IPv6 literal', 'ada@[IPv6:2001:db8::1]'],
  ['an IPv4 address', 'ada@192.0.2.1'],
  ['an IPv4 address that ends in two digits', 'ada@192.0.2.10'],
  ['an IPv4 address in hexadecimal', 'ada@0xc0.0x00.0x02.0x01'],
  ['an IPv4 address of two parts', 'ada@192.513'],
  ['a top level of digits', 'ada@example.123'],
  ['a hyphen at the start of a label', 'ada@-example.com'],
  ['a hyphen at the end of a label', 'ada@example-.com'],
  ['a label of 64 characters', `ada@${'a'.repeat(64)}.com`],
  ['punycode that decodes to nothing', 'ada@xn--.com'],
  ['punycode that is broken', 'ada@xn--\u00fc.com'],
  ['a port', 'ada@example.com:25'],
  ['a path', 'ada@example.com/path'],
  ['a query', 'ada@example.com?x'],
  ['a fragment', 'ada@example.com#x'],
  ['a percent sign in the domain', 'ada@example%2ecom'],
  ['a backslash in the domain', 'ada@example.com\\x'],
  ['an underscore in the domain', 'ada@exa_mple.com'],
  ['a character that folds into brackets', 'ada@\u2474.com'],
  ['a NUL', 'ada\u0000@example.com'],
  ['a line break', 'ada@example.com\r\nbcc: bob@example.com'],
  ['a line break in the local part', 'ada\n@example.com'],
  ['a tab in the domain', 'ada@exam\tple.com'],
  ['an escape', 'ada\u001b[2J@example.com'],
  ['a soft hyphen', 'ada\u00ad@example.com'],
  ['a zero-width space', 'ada\u200b@example.com'],
  ['a right-to-left override', 'ada\u202e@example.com'],
  ['a line separator', 'ada\u2028@example.com'],
  ['a fullwidth @', 'ada\uff20example.com'],
  ['a small @', 'ada\ufe6bexample.com'],
  ['a fullwidth @ in the local part', 'ada\uff20evil.example@example.com'],
  ['a fullwidth @ in the domain', 'ada@example.com\uff20evil.example'],
  ['a Kelvin sign, which lower-cases to k', '\u212aate@example.com'],
  ['a dotted capital I, which lower-cases to i', '\u0130da@example.com'],
  ['a Greek varia, which composes to a grave accent', 'ada\u1fef@example.com'],
  ['an emoji', '\u{1f511}@example.com'],
  ['a lone high surrogate', 'ada\ud83d@example.com'],
  ['a lone low surrogate in the domain', 'ada@ex\udd11ample.com'],
])('normalizeEmail() refuses an address with %s', (_what, typed) => {
  const normalizing = () => normalizeEmail(typed)

  expect(normalizing).toThrow(Refusal)
  expect(normalizing).toThrow(invalid)
})

test.each([
  ['as it is', 'a'.repeat(243), 'example.com', maxEmailLength],
  ['after its domain became ASCII', 'a'.repeat(237), 'b\u00fccher.com', maxEmailLength],
  ['after its spaces were trimmed', `${' '.repeat(1000)}${'a'.repeat(243)}`, 'example.com', maxEmailLength],
  ['after 510 characters were composed', 'u\u0308\u0304'.repeat(166), 'example.com', 178],
])('normalizeEmail() takes an address that is long, but fits %s', (_how, local, domain, length) => {
  const email = normalizeEmail(`${local}@${domain}`)

  expect(email).toHaveLength(length)
})

test.each([
  ['as it is', 'a'.repeat(244), 'example.com'],
  ['after its domain became ASCII', 'a'.repeat(238), 'b\u00fccher.com'],
  ['as its domain of 254 characters is beyond DNS', 'a', `${`${'a'.repeat(62)}.`.repeat(4)}aa`],
  ['after its domain grew beyond DNS', 'a', `${`${'a'.repeat(62)}.`.repeat(4)}com`],
])('normalizeEmail() refuses an address that is too long %s', (_how, local, domain) => {
  const normalizing = () => normalizeEmail(`${local}@${domain}`)

  expect(normalizing).toThrow(invalid)
})

test('normalizeEmail() is idempotent: what is normal stays as it is', () => {
  const property = fc.property(address(), (typed) => {
    const email = normalizeEmail(typed)
    return normalizeEmail(email) === email && email.length <= maxEmailLength
  })

  fc.assert(property, { numRuns: 2_000 })
})

test('normalizeEmail() is idempotent on whatever it takes', () => {
  const property = fc.property(hostileAddress(), (typed) => {
    const email = normalized(typed)
    return email === undefined || normalized(email) === email
  })

  fc.assert(property, { numRuns: 5_000 })
})

test('normalizeEmail() answers the same to every case, composition and surrounding space', () => {
  const property = fc.property(address(), fc.nat(3), (typed, spaces) => {
    const spelled = [typed.toUpperCase(), typed.normalize('NFD'), `${' '.repeat(spaces)}${typed}\t`]
    return spelled.every((spelling) => normalizeEmail(spelling) === normalizeEmail(typed))
  })

  fc.assert(property, { numRuns: 2_000 })
})

test('normalizeEmail() answers an address or a refusal, and never throws anything else', () => {
  const property = fc.property(hostileAddress(), (typed) => {
    const email = normalized(typed)
    return email === undefined || /^[^\s@\p{Cc}]+@[a-z0-9.-]+\.[a-z0-9-]+$/u.test(email)
  })

  fc.assert(property, { numRuns: 5_000 })
})

test.each([
  ['letters', 'a'],
  ['dots', '.'],
  ['@', '@'],
  ['spaces', ' '],
  ['addresses', 'a@b.co'],
  ['labels', 'a.'],
  ['accents that compose', 'e\u0301'],
  ['accents that must change places', '\u0315\u0300\u0316'],
  ['letters beyond ASCII', '\u00fc'],
  ['ideographic full stops', '\u3002'],
  ['lone surrogates', '\ud800'],
])('normalizeEmail() refuses a megabyte of %s in no time [ASVS 1.3.12]', (_what, unit) => {
  const hostile = `a${unit.repeat(Math.ceil(2 ** 20 / Buffer.byteLength(unit)))}@example.com`

  const milliseconds = timed(() => normalized(hostile))

  expect(normalized(hostile)).toBeUndefined()
  expect(milliseconds).toBeLessThan(250)
})

test('localPartOf() answers what stands before the @', () => {
  const local = localPartOf('ada+tag@example.com')

  expect(local).toBe('ada+tag')
})

function normalized(typed: string): string | undefined {
  try {
    return normalizeEmail(typed)
  } catch (error) {
    if (error instanceof Refusal && error.code === 'VALIDATION_ERROR') return undefined
    throw error
  }
}

function timed(work: () => unknown): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** Addresses that are good, in letters whose cases go both ways. */
function address() {
  const letter = fc.constantFrom(...'abcxyz019+-_\u00fc\u00e9\u00f1\u044f\u4e2d')
  const part = fc.string({ unit: letter, minLength: 1, maxLength: 8 })
  const local = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'))
  const domain = fc.constantFrom('example.com', 'b\u00fccher.example', 'xn--bcher-kva.example', 'a.b.c.d.example')
  return fc.tuple(local, domain).map((parts) => parts.join('@'))
}

/** Texts that nearly are addresses, of every kind of character. */
function hostileAddress() {
  const odd = fc.constantFrom(
    ...'@..-aAiIkK\u212a\u0130\u0131\u017f\u00df\u03a3\u03c2\u0345\u0301\u0316\ufb01\uff20\u3002',
  )
  const text = fc.string({
    unit: fc.oneof(odd, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
    maxLength: 12,
  })
  return fc.oneof(
    text,
    fc.tuple(text, fc.constant('@example.com')).map((parts) => parts.join('')),
    fc.tuple(fc.constant('ada@'), text, fc.constant('.com')).map((parts) => parts.join('')),
  )
}
