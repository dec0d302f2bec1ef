import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  assertAcceptable,
  assertAcceptableChange,
  assertHashable,
  isHashable,
  maxPasswordBytes,
  type PasswordPolicy,
} from './password-policy.ts'
import { Refusal } from './refusal.ts'

const commonPasswords = readFileSync(new URL('./common-passwords/common-passwords.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
const common = new Set(commonPasswords)
const mission: PasswordPolicy = {
  name: 'mission',
  isCommon: (lowered) => common.has(lowered),
  contextWords: ['latchkey', 'auth.example.com', 'acme-corporation'],
}
const nist: PasswordPolicy = { ...mission, name: 'nist' }
const email = 'grace.hopper@example.com'
const key = '\u{1f511}'

describe('under the policy "mission"', () => {
  test.each([
    ['the example of the contract', 'SecurePass123'],
    ['eight characters', 'Abcdef1x'],
    ['64 characters', `Aa1${'x'.repeat(61)}`],
    ['letters and digits of other scripts', '\u0416\u0436\u0661\u0434\u0430\u043d\u043d\u044b'],
    ['eight characters, five of them of four bytes', `Aa1${key.repeat(5)}`],
    ['spaces around it', ' Abcde1 '],
    ['a NUL', 'Abcdef1\u0000'],
    ['every printing character of ASCII', printingAscii()],
    ['1,024 bytes', `Aa1${'x'.repeat(1021)}`],
  ])('assertAcceptable() accepts %s', (_what, password) => {
    const checking = () => assertAcceptable(password, email, mission)

    expect(checking).not.toThrow()
  })

  test.each([
    ['seven characters', 'Abcde1x', ['Must have at least 8 characters']],
    ['seven characters, four of them of four bytes', `Aa1${key.repeat(4)}`, ['Must have at least 8 characters']],
    ['no upper-case letter', 'abcdefg1', ['Must contain an upper-case letter']],
    ['no lower-case letter', 'ABCDEFG1', ['Must contain a lower-case letter']],
    ['no digit', 'Abcdefgh', ['Must contain a digit']],
    ['a title-case letter for an upper-case one', '\u01c5bcdefg1', ['Must contain an upper-case letter']],
    ['a Roman numeral for a digit', 'Abcdefg\u2167', ['Must contain a digit']],
    [
      'nothing at all',
      '',
      [
        'Must have at least 8 characters',
        'Must contain an upper-case letter',
        'Must contain a lower-case letter',
        'Must contain a digit',
      ],
    ],
    ['1,025 bytes', `Aa1${'x'.repeat(1022)}`, ['Must be well-formed text of at most 1024 bytes']],
    [
      '1,025 bytes in fewer characters',
      `Aa1xx${'\u20ac'.repeat(340)}`,
      ['Must be well-formed text of at most 1024 bytes'],
    ],
    ['a lone surrogate', 'Abcdefg1\ud800', ['Must be well-formed text of at most 1024 bytes']],
    ['a common password', 'Password123', ['Is on the list of common passwords: choose another']],
    ['a common password in other capitals', 'pASSWORD123', ['Is on the list of common passwords: choose another']],
    ['the local part and a digit', 'Grace.hopper1', ['Must not contain your email address']],
    ['the local part in capitals between others', 'xGRACE.HOPPERx1', ['Must not contain your email address']],
    ['the local part and 14 characters besides', 'Grace.hopper12345678901234', ['Must not contain your email address']],
    ['the name of the product and digits', 'Latchkey123', ['Must not be the name of this service: choose another']],
    ['digits and symbols around it', '12!Latchkey!34', ['Must not be the name of this service: choose another']],
    ['a word of the operator', 'Acme-Corporation2026!', ['Must not be the name of this service: choose another']],
    ['the host of the issuer', 'Auth.Example.com1', ['Must not be the name of this service: choose another']],
  ])('assertAcceptable() refuses %s, and says why [ASVS 6.2.11]', (_what, password, issues) => {
    const checking = () => assertAcceptable(password, email, mission)

    expect(checking).toThrow(Refusal)
    expect(checking).toThrow(refusalFor(issues))
  })

  test.each([
    ['the local part and 15 characters besides', 'Grace.hopper123456789012345'],
    ['the local part in a long passphrase', 'Correct horse grace.hopper battery staple 1'],
    ['the name of the product in a longer word', 'Latchkeychildren1'],
    ['the name of the product in a passphrase', 'My latchkey opens 1 door'],
    ['a common password and more', 'Password123 and then some'],
  ])('assertAcceptable() accepts %s [ASVS 6.2.11]', (_what, password) => {
    const checking = () => assertAcceptable(password, email, mission)

    expect(checking).not.toThrow()
  })

  test.each([
    ['ab@example.com', 'Abkdmfg1'],
    ['a@example.com', 'Abkdmfg1'],
  ])('assertAcceptable() overlooks the local part of %s, which good passwords hold by chance', (address, password) => {
    const checking = () => assertAcceptable(password, address, mission)

    expect(checking).not.toThrow()
  })

  test('assertAcceptable() counts the local part where it stands twice only once more', () => {
    const checking = () => assertAcceptable('Ada1ada2ada3ada4ada5', 'ada@example.com', mission)

    expect(checking).toThrow(refusalFor(['Must not contain your email address']))
  })

  test('assertAcceptable() refuses more than 3,000 common passwords that would meet the policy otherwise [ASVS 6.2.4, NIST63B4-3.1.1.2-block]', () => {
    const meeting = commonPasswords
      .map((password) => password.replace(/[a-z]/, (letter) => letter.toUpperCase()))
      .filter((password) => /^(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9]).{8,}$/.test(password))

    const refused = meeting.filter((password) => isRefusedAsCommon(password, mission))

    expect(meeting.length).toBeGreaterThan(3_000)
    expect(refused).toEqual(meeting)
  })

  test('assertAcceptable() accepts a common password where the block list is off', () => {
    const checking = () => assertAcceptable('Password123', email, { ...mission, isCommon: () => false })

    expect(checking).not.toThrow()
  })
})

describe('under the policy "nist"', () => {
  test.each([
    ['15 lower-case letters', 'qwrtzpsdfghjklx'],
    ['15 upper-case letters', 'QWRTZPSDFGHJKLX'],
    ['15 digits', '839201758204716'],
    ['15 spaces', ' '.repeat(15)],
    ['15 characters of four bytes', key.repeat(15)],
    ['64 characters of four bytes', key.repeat(64)],
  ])('assertAcceptable() accepts %s [ASVS 6.2.5, NIST63B4-3.1.1.2-4, NIST63B4-3.1.1.2-5]', (_what, password) => {
    const checking = () => assertAcceptable(password, email, nist)

    expect(checking).not.toThrow()
  })

  test('assertAcceptable() accepts every printing character of ASCII and the space [NIST63B4-3.1.1.2-3]', () => {
    const checking = () => assertAcceptable(printingAscii(), email, nist)

    expect(checking).not.toThrow()
  })

  test.each([
    ['letters', 'a'.repeat(3), 64],
    ['characters of four bytes', `${key}\u{1f512}\u{1f513}`, 64],
    ['characters of four bytes', key, 256],
  ])('assertAcceptable() accepts a long passphrase of %s [ASVS 6.2.9, NIST63B4-3.1.1.2-2]', (_what, unit, times) => {
    const checking = () => assertAcceptable(unit.repeat(times), email, nist)

    expect(checking).not.toThrow()
  })

  test.each([
    ['14 characters', 'qwrtzpsdfghjkl', ['Must have at least 15 characters']],
    ['14 characters of four bytes', key.repeat(14), ['Must have at least 15 characters']],
    ['257 characters of four bytes', key.repeat(257), ['Must be well-formed text of at most 1024 bytes']],
    ['a lone low surrogate', `${'x'.repeat(15)}\udc00`, ['Must be well-formed text of at most 1024 bytes']],
    [
      'two surrogates in the wrong order',
      `${'x'.repeat(15)}\udd11\ud83d`,
      ['Must be well-formed text of at most 1024 bytes'],
    ],
    ['the name of the product and digits', 'latchkey1234567', ['Must not be the name of this service: choose another']],
    ['the local part and a few characters', 'grace.hopper123', ['Must not contain your email address']],
  ])('assertAcceptable() refuses %s, and says why [NIST63B4-3.1.1.2-1]', (_what, password, issues) => {
    const checking = () => assertAcceptable(password, email, nist)

    expect(checking).toThrow(refusalFor(issues))
  })

  test('assertAcceptable() refuses every common password of 15 characters or more [ASVS 6.2.4, NIST63B4-3.1.1.2-block]', () => {
    const long = commonPasswords.filter((password) => password.length >= 15)

    const refused = long.filter((password) => isRefusedAsCommon(password, nist))

    expect(long.length).toBeGreaterThan(2_500)
    expect(refused).toEqual(long)
  })

  test('assertAcceptable() asks for nothing but length and what can be guessed [NIST63B4-3.1.1.1]', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 15, maxLength: 60 })
    const property = fc.property(text, (password) => {
      const shouldPass = isHashable(password) && !common.has(password.toLowerCase())
      return !shouldPass || issuesOf(password, nist).length === 0
    })

    fc.assert(property)
  })
})

test.each(['Short1', 'Password123', 'Grace.hopper1', 'Latchkey123', 'Abcdefg1\ud800'])(
  'assertAcceptable() never repeats %j in what it throws',
  (password) => {
    const issues = issuesOf(password, mission)

    expect(issues.join().toLowerCase()).not.toContain(password.toLowerCase())
    expect(issues).toHaveLength(1)
  },
)

test.each(['a', ' ', '1', key, 'e\u0301', '\u0315\u0300\u0316', '\ud800', 'grace.hopper'])(
  'assertAcceptable() refuses a megabyte of %j in no time [ASVS 1.3.12]',
  (unit) => {
    const hostile = unit.repeat(Math.ceil(2 ** 20 / unit.length))
    const began = performance.now()

    const issues = issuesOf(hostile, nist)

    expect(performance.now() - began).toBeLessThan(500)
    expect(issues).toEqual(['Must be well-formed text of at most 1024 bytes'])
  },
)

test.each([
  ['', true],
  ['x'.repeat(maxPasswordBytes), true],
  ['x'.repeat(maxPasswordBytes + 1), false],
  ['\u00fc'.repeat(512), true],
  [`${'\u00fc'.repeat(512)}x`, false],
  [key.repeat(256), true],
  [`${key.repeat(256)}x`, false],
  ['\ud83d', false],
  ['\udd11\ud83d', false],
])('isHashable() of %j is %s', (password, expected) => {
  const hashable = isHashable(password)

  expect(hashable).toBe(expected)
})

test.each([
  ['another good password', 'SecurePass123', 'AnotherGood1'],
  ['the current one in other capitals', 'SecurePass123', 'securePASS123'],
  ['the current one and a space', 'SecurePass123', 'SecurePass123 '],
])('assertAcceptableChange() accepts %s', (_what, currentPassword, newPassword) => {
  const checking = () => assertAcceptableChange({ currentPassword, newPassword }, email, mission)

  expect(checking).not.toThrow()
})

test.each([
  ['the current one', 'SecurePass123', 'SecurePass123', ['Must differ from the current password']],
  ['a common one', 'SecurePass123', 'Password123', ['Is on the list of common passwords: choose another']],
  [
    'the current one, which is too weak by now',
    'weak',
    'weak',
    [
      'Must have at least 8 characters',
      'Must contain an upper-case letter',
      'Must contain a digit',
      'Must differ from the current password',
    ],
  ],
])('assertAcceptableChange() refuses %s, and says why', (_what, currentPassword, newPassword, issues) => {
  const checking = () => assertAcceptableChange({ currentPassword, newPassword }, email, mission)

  expect(checking).toThrow(refusalFor(issues, 'new_password'))
})

test('assertHashable() refuses what no account can have, by the name of its field', () => {
  const checking = () => assertHashable('x'.repeat(maxPasswordBytes + 1), 'current_password')

  const details = [{ field: 'current_password', issue: 'Must be well-formed text of at most 1024 bytes' }]
  expect(checking).toThrow(expect.objectContaining({ code: 'VALIDATION_ERROR', details }))
  expect(() => assertHashable('weak', 'current_password')).not.toThrow()
})

test('the shipped list is as its page says: lower case, unique, sorted, without the example of the contract', () => {
  const tidy = [...common].map((password) => password.toLowerCase()).sort()

  expect(commonPasswords).toHaveLength(41_170)
  expect(commonPasswords).toEqual(tidy)
  expect(common.has('password123')).toBe(true)
  expect(common.has('securepass123')).toBe(false)
})

function refusalFor(issues: string[], field = 'password') {
  const details = issues.map((issue) => ({ field, issue }))
  return expect.objectContaining({ code: 'VALIDATION_PASSWORD', details })
}

function issuesOf(password: string, policy: PasswordPolicy): string[] {
  try {
    assertAcceptable(password, email, policy)
    return []
  } catch (error) {
    if (error instanceof Refusal) return (error.details ?? []).map(({ issue }) => issue)
    throw error
  }
}

function isRefusedAsCommon(password: string, policy: PasswordPolicy): boolean {
  return issuesOf(password, policy).join() === 'Is on the list of common passwords: choose another'
}

function printingAscii(): string {
  return Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')
}
