import { createHmac } from 'node:crypto'
import { hashSync } from '@node-rs/bcrypt'
import { expect, test } from 'vitest'
import plainVectors from '../../vectors/bcrypt.json' with { type: 'json' }
import prehashedVectors from '../../vectors/bcrypt-sha256.json' with { type: 'json' }
import { bcryptHash, bcryptMatches, bcryptParameters, exceedsBcrypt } from './bcrypt.ts'

const bytesOf = (hex: string) => Buffer.from(hex, 'hex')
const text = (characters: string) => Buffer.from(characters, 'utf8')
/** Far below the dearest vector that is meant to match, and hours below the one that must not be computed. */
const maxCost = 12

const plainMatches = plainVectors.vectors.filter(({ expect: verdict }) => verdict === 'match')
const plainMismatches = plainVectors.vectors.filter(({ expect: verdict }) => verdict === 'no-match')
const foreignSchemes = plainVectors.vectors.filter(({ expect: verdict }) => verdict === 'refuse-scheme')
const prehashedMatches = prehashedVectors.vectors
const malformed = [...plainVectors.malformed, ...prehashedVectors.malformed].filter(
  ({ expect: verdict }) => verdict === 'refuse-malformed',
)
const tooDear = plainVectors.malformed.filter(({ expect: verdict }) => verdict === 'refuse-cost')

test('the vectors of bcrypt are whole: every verdict is one that a test below asks about', () => {
  const counts = [plainMatches, plainMismatches, foreignSchemes, prehashedMatches, malformed, tooDear].map(
    (rows) => rows.length,
  )

  expect(counts).toEqual([332, 2, 10, 20, 28, 1])
})

test.each(plainMatches)('bcryptMatches() answers true to the known pair $id', ({ password_hex, hash }) => {
  const matches = bcryptMatches(bytesOf(password_hex), hash, maxCost)

  expect(matches).toBe(true)
})

test.each(plainMatches)(
  'bcryptMatches() answers false when the first byte of $id is another',
  ({ password_hex, hash }) => {
    const matches = bcryptMatches(Buffer.concat([text('\u0001'), bytesOf(password_hex)]), hash, maxCost)

    expect(matches).toBe(false)
  },
)

test.each(plainMismatches)(
  'bcryptMatches() answers false to $id, which one C library alone computes',
  ({ password_hex, hash }) => {
    const matches = bcryptMatches(bytesOf(password_hex), hash, maxCost)

    expect(matches).toBe(false)
  },
)

test.each(foreignSchemes)(
  'bcryptMatches() answers false to $id, whose scheme is broken ($ident)',
  ({ password_hex, hash }) => {
    const matches = bcryptMatches(bytesOf(password_hex), hash, maxCost)

    expect(matches).toBe(false)
    expect(bcryptParameters(hash)).toBeUndefined()
  },
)

test.each(prehashedMatches)(
  'bcryptMatches() answers true to the known pre-hashed pair $id',
  ({ password_hex, hash }) => {
    const matches = bcryptMatches(bytesOf(password_hex), hash, maxCost)

    expect(matches).toBe(true)
  },
)

test.each(prehashedMatches)(
  'bcryptMatches() answers false when one byte is added to the password of $id',
  ({ password_hex, hash }) => {
    const matches = bcryptMatches(Buffer.concat([bytesOf(password_hex), text('x')]), hash, maxCost)

    expect(matches).toBe(false)
  },
)

test.each(malformed)('bcryptMatches() answers false to the malformed hash $hash', ({ hash }) => {
  const matches = bcryptMatches(text('password'), hash, maxCost)

  expect(matches).toBe(false)
  expect(bcryptParameters(hash)).toBeUndefined()
})

test.each(plainVectors.padding)(
  'bcryptMatches() takes the one spelling of $hash_canonical and no other',
  ({ password, hash_canonical, hash_with_padding_bits }) => {
    const verdicts = [hash_canonical, hash_with_padding_bits].map((hash) =>
      bcryptMatches(text(password), hash, maxCost),
    )

    expect(verdicts).toEqual([true, false])
    expect(bcryptParameters(hash_with_padding_bits)).toBeUndefined()
  },
)

test('bcryptMatches() refuses a hash that is dearer than allowed without computing it, which would take hours', () => {
  const matches = bcryptMatches(text('password'), tooDear[0]?.hash ?? '', 30)

  expect(matches).toBe(false)
})

test('bcryptMatches() computes a hash that costs exactly what is allowed, and none that costs one more', () => {
  const stored = bcryptHash(text('SecurePass123'), 5)

  const verdicts = [5, 4].map((allowed) => bcryptMatches(text('SecurePass123'), stored, allowed))

  expect(verdicts).toEqual([true, false])
})

test.each([
  '$2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy\n',
  ' $2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy',
  '$2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNyy',
  'bcrypt_sha256$$2x$06$/3OeRpbOf8/l6nPPRdZPp.nRiyYqPobEZGdNRBWihQhiFDh1ws1tu',
  'bcrypt_sha256$$2b$32$/3OeRpbOf8/l6nPPRdZPp.nRiyYqPobEZGdNRBWihQhiFDh1ws1tu',
  '$bcrypt-sha256$v=2,t=2b,r=32$E/e/2AOhqM5W/KJTFQzLce$WFPIZKtDDTriqWwlmRFfHiOTeheAZWe',
  '$bcrypt-sha256$2b,3$E/e/2AOhqM5W/KJTFQzLce$F6dYSxOdAEoJZO2eoHUZWZljW/e0TXO',
  '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
])('bcryptParameters() answers undefined to %j', (stored) => {
  const parameters = bcryptParameters(stored)

  expect(parameters).toBeUndefined()
})

test.each([
  ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', { scheme: 'bcrypt', cost: 5 }],
  ['$2b$31$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', { scheme: 'bcrypt', cost: 31 }],
  ['$2y$10$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', { scheme: 'bcrypt', cost: 10 }],
  [
    '$bcrypt-sha256$v=2,t=2b,r=12$E/e/2AOhqM5W/KJTFQzLce$WFPIZKtDDTriqWwlmRFfHiOTeheAZWe',
    { scheme: 'bcrypt-sha256', cost: 12 },
  ],
  ['$bcrypt-sha256$2a,5$E/e/2AOhqM5W/KJTFQzLce$F6dYSxOdAEoJZO2eoHUZWZljW/e0TXO', { scheme: 'bcrypt-sha256', cost: 5 }],
  ['bcrypt_sha256$$2b$06$/3OeRpbOf8/l6nPPRdZPp.nRiyYqPobEZGdNRBWihQhiFDh1ws1tu', { scheme: 'bcrypt-sha256', cost: 6 }],
])('bcryptParameters() reads scheme and cost of %s', (stored, expected) => {
  const parameters = bcryptParameters(stored)

  expect(parameters).toEqual(expected)
})

test.each([
  ['nothing', ''],
  ['one character', 'x'],
  ['72 bytes', 'x'.repeat(72)],
  ['18 characters of four bytes', '\u{1f511}'.repeat(18)],
])('bcryptHash() writes a plain $2b$ hash of a password of %s', (_what, password) => {
  const stored = bcryptHash(text(password), 4)

  expect(stored).toMatch(/^\$2b\$04\$[./A-Za-z0-9]{53}$/)
  expect(bcryptMatches(text(password), stored)).toBe(true)
})

test.each([
  ['73 bytes', 'x'.repeat(73)],
  ['1,024 bytes', 'x'.repeat(1024)],
  ['a NUL alone', '\u0000'],
  ['a NUL at its end', 'SecurePass123\u0000'],
])('bcryptHash() writes a pre-hashed $bcrypt-sha256$ hash of a password of %s', (_what, password) => {
  const stored = bcryptHash(text(password), 4)

  expect(stored).toMatch(/^\$bcrypt-sha256\$v=2,t=2b,r=4\$[./A-Za-z0-9]{21}[.Oeu]\$[./A-Za-z0-9]{31}$/)
  expect(bcryptMatches(text(password), stored)).toBe(true)
})

test('bcryptHash() pre-hashes as the definition of passlib says, computed here by other means', () => {
  const password = text(`${'a long passphrase '.repeat(8)}\u0000 with a NUL`)

  const stored = bcryptHash(password, 5)

  const [salt = '', checksum = ''] = stored.split('$').slice(3)
  const key = createHmac('sha256', Buffer.from(salt, 'ascii')).update(password).digest('base64')
  expect(hashSync(key, { cost: 5, version: '2b', salt: saltBytesOf(salt) })).toBe(`$2b$05$${salt}${checksum}`)
})

test('bcryptHash() salts: the same password never makes the same hash again [NIST63B4-3.1.1.2-store]', () => {
  const hashes = Array.from({ length: 200 }, () => bcryptHash(text('SecurePass123'), 4))

  const salts = hashes.map((hash) => hash.slice(7, 29))
  expect(new Set(salts).size).toBe(200)
  expect(hashes.map(bcryptParameters)).toEqual(Array.from({ length: 200 }, () => ({ scheme: 'bcrypt', cost: 4 })))
})

test.each([
  [71, false],
  [72, false],
  [73, true],
])('exceedsBcrypt() of %i bytes is %s', (length, expected) => {
  const exceeds = exceedsBcrypt(text('x'.repeat(length)))

  expect(exceeds).toBe(expected)
})

test('exceedsBcrypt() is true of a short password with a NUL', () => {
  const exceeds = exceedsBcrypt(text('a\u0000b'))

  expect(exceeds).toBe(true)
})

/** bcrypt's base64 read bit by bit, so that it shares nothing with the code under test. */
function saltBytesOf(salt: string): Buffer {
  const letters = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  const bits = [...salt].map((letter) => letters.indexOf(letter).toString(2).padStart(6, '0')).join('')
  return Buffer.from(Array.from({ length: 16 }, (_, at) => Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2)))
}
