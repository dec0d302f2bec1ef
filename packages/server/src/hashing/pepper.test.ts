import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { anyOrder, patientScheduler } from '../testing/patient-scheduler.ts'
import { createPasswords } from './passwords.ts'
import { type Peppers, withPeppers } from './pepper.ts'

const old = randomBytes(32)
const fresh = randomBytes(32)

function pepperedPasswords(peppers: Partial<Peppers>) {
  const scheduler = patientScheduler()
  onTestFinished(scheduler.close)
  return withPeppers(createPasswords(scheduler, 4), { current: undefined, previous: undefined, ...peppers })
}

test('hash() under a pepper shows nothing of bcrypt, and matches again [NIST63B4-3.1.1.2-pepper]', async () => {
  const passwords = pepperedPasswords({ current: fresh })

  const stored = await passwords.hash('SecurePass123', anyOrder)

  expect(stored).toMatch(/^\$pepper\$v=1,k=.{8}\$/)
  expect(stored).not.toContain('$2b$')
  expect(await passwords.matches('SecurePass123', stored, anyOrder)).toBe(true)
  expect(await passwords.matches('SecurePass124', stored, anyOrder)).toBe(false)
})

test('matches() takes a hash of the pepper before, which is due to be renewed [NIST63B4-3.1.1.2-pepper]', async () => {
  const stored = await pepperedPasswords({ current: old }).hash('SecurePass123', anyOrder)
  const passwords = pepperedPasswords({ current: fresh, previous: old })

  const matches = await passwords.matches('SecurePass123', stored, anyOrder)

  expect(matches).toBe(true)
  expect(passwords.needsRehash(stored)).toBe(true)
  expect(passwords.needsRehash(await passwords.hash('SecurePass123', anyOrder))).toBe(false)
})

test('matches() takes a hash from before there was a pepper, which is due to be renewed', async () => {
  const stored = await pepperedPasswords({}).hash('SecurePass123', anyOrder)
  const passwords = pepperedPasswords({ current: fresh })

  const matches = await passwords.matches('SecurePass123', stored, anyOrder)

  expect(matches).toBe(true)
  expect(passwords.needsRehash(stored)).toBe(true)
})

test.each([
  ['the pepper is lost', {}],
  ['the pepper is another', { current: old }],
])('matches() is false where %s', async (_, peppers) => {
  const stored = await pepperedPasswords({ current: fresh }).hash('SecurePass123', anyOrder)

  const matches = await pepperedPasswords(peppers).matches('SecurePass123', stored, anyOrder)

  expect(matches).toBe(false)
})

test('matches() is false where one character of a sealed hash was changed', async () => {
  const passwords = pepperedPasswords({ current: fresh })
  const stored = await passwords.hash('SecurePass123', anyOrder)
  const changed = stored.slice(0, -2) + (stored.at(-2) === 'A' ? 'B' : 'A') + stored.slice(-1)

  const matches = await passwords.matches('SecurePass123', changed, anyOrder)

  expect(matches).toBe(false)
})

test('the decoy is sealed like any hash, so that an unknown account costs its opening too', () => {
  const passwords = pepperedPasswords({ current: fresh })

  expect(passwords.decoyHash).toMatch(/^\$pepper\$v=1,k=.{8}\$/)
})
