import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { assemble } from '../cli/assemble.ts'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'

const failed = { code: 'AUTH_FAILED' }
const blocked = { code: 'RATE_LIMIT_EXCEEDED' }
const wrong = { ...ada, password: 'WrongPass123' }

/** A different stranger each time. */
const stranger = (number: number) => originAt(`198.51.100.${number}`)

test('logIn() begins a new session each time, and leaves those that are there', async () => {
  const house = await testHouse()
  const first = await house.auth.signUp(ada)

  const second = await house.auth.logIn(ada)

  expect(second.userId).toBe(first.userId)
  expect(second.refreshToken).not.toBe(first.refreshToken)
  const [one, other] = [await callerOf(house, first.accessToken), await callerOf(house, second.accessToken)]
  expect(one.sessionId).not.toBe(other.sessionId)
})

test('logIn() tells the profile when the last login was', async () => {
  const house = await testHouse()
  await house.auth.signUp(ada)
  house.clock.advance(60)

  const { accessToken } = await house.auth.logIn(ada)

  const profile = await house.auth.readProfile(await callerOf(house, accessToken))
  expect(profile.lastLoginAt).toBe(house.clock.now())
  expect(profile.createdAt).toBe(house.clock.now() - 60_000)
})

test.each(['ADA@EXAMPLE.COM', ' ada@example.com '])(
  'logIn() takes %j for the address that signed up',
  async (email) => {
    const { auth } = await testHouse()
    await auth.signUp(ada)

    const pair = await auth.logIn({ ...ada, email })

    expect(pair.email).toBe(ada.email)
  },
)

test.each([
  ['in another case', 'securepass123'],
  ['with a space before it', ' SecurePass123'],
  ['with a space after it', 'SecurePass123 '],
  ['with a letter less', 'SecurePass12'],
  ['with a NUL after it', 'SecurePass123\0'],
  ['empty', ''],
])('logIn() refuses the password %s [ASVS 6.2.8]', async (_, password) => {
  const { auth } = await testHouse()
  await auth.signUp(ada)

  const attempt = auth.logIn({ ...ada, password })

  await expect(attempt).rejects.toMatchObject(failed)
})

test('logIn() refuses an unknown email with the password of the account that is next to it', async () => {
  const { auth } = await testHouse()
  await auth.signUp(ada)

  const attempt = auth.logIn({ ...ada, email: 'ada@example.co' })

  await expect(attempt).rejects.toMatchObject(failed)
})

test('logIn() tells two passwords apart that differ after byte 72 [ASVS 6.2.8, NIST63B4-3.1.1.2-9]', async () => {
  const { auth } = await testHouse()
  const long = `Aa1${'x'.repeat(80)}`
  await auth.signUp({ ...ada, password: `${long}1` })

  const attempt = auth.logIn({ ...ada, password: `${long}2` })

  await expect(attempt).rejects.toMatchObject(failed)
  await expect(auth.logIn({ ...ada, password: `${long}1` })).resolves.toBeDefined()
})

test('logIn() takes a password of 64 characters of four bytes each [ASVS 6.2.9, NIST63B4-3.1.1.2-2]', async () => {
  const { auth } = await testHouse({ PASSWORD_POLICY: 'nist' })
  const password = '\u{1F511}'.repeat(64)
  await auth.signUp({ ...ada, password })

  const pair = await auth.logIn({ ...ada, password })

  expect(pair.email).toBe(ada.email)
})

test('logIn() asks for no new password however old the account is [ASVS 6.2.10, NIST63B4-3.1.1.2-6]', async () => {
  const { auth, clock } = await testHouse()
  await auth.signUp(ada)
  clock.advance(10 * 365 * 86_400)

  const pair = await auth.logIn(ada)

  expect(pair.email).toBe(ada.email)
})

test('logIn() renews the hash of a password when BCRYPT_COST has risen since', async () => {
  const old = await fileHouse({ BCRYPT_COST: '4' })
  await old.auth.signUp(ada)
  const stronger = await testHouse({ BCRYPT_COST: '6', DATABASE_URL: old.databaseUrl })

  await stronger.auth.logIn(ada)

  expect(old.database.rows('select password_hash from users')).toEqual([
    { password_hash: expect.stringMatching(/^\$2b\$06\$/) },
  ])
  await expect(old.auth.logIn(ada)).resolves.toBeDefined()
})

test('logIn() leaves the hash alone when the password is wrong', async () => {
  const old = await fileHouse({ BCRYPT_COST: '4' })
  await old.auth.signUp(ada)
  const stronger = await testHouse({ BCRYPT_COST: '6', DATABASE_URL: old.databaseUrl })

  await expect(stronger.auth.logIn(wrong)).rejects.toMatchObject(failed)

  expect(old.database.rows('select password_hash from users')).toEqual([
    { password_hash: expect.stringMatching(/^\$2b\$04\$/) },
  ])
})

test('logIn() succeeds where the hash cannot be renewed, and logs that', async () => {
  const old = await fileHouse()
  await old.auth.signUp(ada)
  const lines: unknown[] = []
  const log = { debug() {}, info() {}, error() {}, warn: (...line: unknown[]) => lines.push(line) }
  const costBeyondBcrypt = 32
  const impossible = assemble({ ...old.config, BCRYPT_COST: costBeyondBcrypt }, { log })

  const pair = await impossible.auth.logIn(ada).finally(impossible.close)

  expect(pair.email).toBe(ada.email)
  const fields = { user_id: pair.userId, error: expect.any(Error) }
  expect(lines).toEqual([[fields, 'A password hash was not renewed']])
})

test('logIn() refuses strangers for an hour after ten failures, even with the right password [ASVS 6.3.1, NIST63B4-3.1.1.2-rate]', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '10/hour' })
  await auth.signUp(ada)
  for (let number = 1; number <= 10; number++) {
    await expect(auth.logIn({ ...wrong, origin: stranger(number) })).rejects.toMatchObject(failed)
  }

  const attempt = auth.logIn({ ...ada, origin: stranger(11) })

  await expect(attempt).rejects.toMatchObject({
    ...blocked,
    quota: { name: 'account', limit: 10, windowSeconds: 3600 },
  })
})

test('logIn() lets the owner in from a known address while strangers are refused [NIST63B4-3.2.2c]', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '10/hour' })
  await auth.signUp(ada)
  for (let number = 1; number <= 12; number++) {
    await expect(auth.logIn({ ...wrong, origin: stranger(number) })).rejects.toThrow()
  }

  const pair = await auth.logIn(ada)

  expect(pair.email).toBe(ada.email)
})

test('logIn() counts no failure of the owner from a known address against the account', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '1/hour' })
  await auth.signUp(ada)
  for (let number = 1; number <= 3; number++) {
    await expect(auth.logIn(wrong)).rejects.toMatchObject(failed)
  }

  const pair = await auth.logIn({ ...ada, origin: stranger(1) })

  expect(pair.email).toBe(ada.email)
})

test('logIn() forgets the failures of an account when a login succeeds [NIST63B4-3.2.2b]', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '2/hour' })
  await auth.signUp(ada)
  await expect(auth.logIn({ ...wrong, origin: stranger(1) })).rejects.toMatchObject(failed)
  await auth.logIn({ ...ada, origin: stranger(2) })

  const outcomes = [
    await auth.logIn({ ...wrong, origin: stranger(3) }).catch((refusal) => refusal.code),
    await auth.logIn({ ...wrong, origin: stranger(4) }).catch((refusal) => refusal.code),
    await auth.logIn({ ...wrong, origin: stranger(5) }).catch((refusal) => refusal.code),
  ]

  expect(outcomes).toEqual(['AUTH_FAILED', 'AUTH_FAILED', 'RATE_LIMIT_EXCEEDED'])
})

test('logIn() knows an address after one login from there', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '1/hour' })
  await auth.signUp(ada)
  await auth.logIn({ ...ada, origin: stranger(1) })
  await expect(auth.logIn({ ...wrong, origin: stranger(2) })).rejects.toMatchObject(failed)
  await expect(auth.logIn({ ...wrong, origin: stranger(3) })).rejects.toMatchObject(blocked)

  const pair = await auth.logIn({ ...ada, origin: stranger(1) })

  expect(pair.email).toBe(ada.email)
})

test('logIn() counts fifty guesses at once as fifty', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '10/hour' })
  await auth.signUp(ada)
  const guess = (_: unknown, number: number) =>
    auth.logIn({ ...wrong, origin: stranger(number) }).catch((refusal) => refusal.code)

  const outcomes = await Promise.all(Array.from({ length: 50 }, guess))

  expect(outcomes.filter((code) => code === 'AUTH_FAILED')).toHaveLength(10)
  expect(outcomes.filter((code) => code === 'RATE_LIMIT_EXCEEDED')).toHaveLength(40)
})

test('logIn() counts failures of an unknown email as those of a known one', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '2/hour' })
  const guess = (number: number) => auth.logIn({ ...wrong, origin: stranger(number) }).catch((refusal) => refusal.code)

  const outcomes = [await guess(1), await guess(2), await guess(3)]

  expect(outcomes).toEqual(['AUTH_FAILED', 'AUTH_FAILED', 'RATE_LIMIT_EXCEEDED'])
})

test('logIn() counts failures of each account apart', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '1/hour' })
  await auth.signUp(bob)
  await expect(auth.logIn({ ...wrong, origin: stranger(1) })).rejects.toMatchObject(failed)
  await expect(auth.logIn({ ...wrong, origin: stranger(1) })).rejects.toMatchObject(blocked)

  const pair = await auth.logIn({ ...bob, origin: stranger(1) })

  expect(pair.email).toBe(bob.email)
})

test('logIn() counts every spelling of an email as one account', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '1/hour' })
  await expect(auth.logIn({ ...wrong, origin: stranger(1) })).rejects.toMatchObject(failed)

  const attempt = auth.logIn({ ...wrong, email: ' ADA@Example.com', origin: stranger(2) })

  await expect(attempt).rejects.toMatchObject(blocked)
})

test('logIn() refuses a password that no account can have before it counts the attempt', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_LOGIN: '1/minute' })
  await auth.signUp(ada)
  const attempt = auth.logIn({ ...ada, password: `Aa1${'x'.repeat(1022)}` })
  await expect(attempt).rejects.toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'password' }] })

  const pair = await auth.logIn(ada)

  expect(pair.email).toBe(ada.email)
})

test('logIn() of the owner from a familiar network gives strangers no new guesses', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '2/hour' })
  await auth.signUp(ada)
  const guess = () => auth.logIn({ ...ada, password: 'WrongPass123', origin: originAt('198.51.100.7') })
  for (let at = 0; at < 2; at++) await expect(guess()).rejects.toMatchObject({ code: 'AUTH_FAILED' })

  await auth.logIn(ada)

  await expect(guess()).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
})
