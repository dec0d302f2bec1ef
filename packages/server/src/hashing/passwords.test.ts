import { afterAll, expect, test } from 'vitest'
import vectors from '../../vectors/bcrypt.json' with { type: 'json' }
import { anyOrder, patientScheduler } from '../testing/patient-scheduler.ts'
import { bcryptHash, bcryptParameters } from './bcrypt.ts'
import type { HashScheduler } from './hash-scheduler.ts'
import type { HashAnswer, HashTask } from './hash-task.ts'
import { createPasswords } from './passwords.ts'

const cost = 6
const scheduler = patientScheduler()
afterAll(scheduler.close)

const stored = storedAt(cost)
const cutByOthers = vectors.vectors.filter(
  ({ tags, password, expect: verdict }) => tags.includes('over-72-bytes') && password !== null && verdict === 'match',
)

test('matches() answers true to the password that was hashed', async () => {
  const { passwords } = countedPasswords()
  const hash = await passwords.hash('SecurePass123', anyOrder)

  const matches = await passwords.matches('SecurePass123', hash, anyOrder)

  expect(matches).toBe(true)
})

test.each([
  ['in case', 'securePass123'],
  ['by a space before it', ' SecurePass123'],
  ['by a space after it', 'SecurePass123 '],
  ['by its last character', 'SecurePass124'],
  ['by a character that is missing', 'SecurePass12'],
  ['by a NUL after it', 'SecurePass123\u0000'],
])('matches() answers false to a password that differs %s [ASVS 6.2.8]', async (_how, other) => {
  const { passwords } = countedPasswords()
  const hash = await passwords.hash('SecurePass123', anyOrder)

  const matches = await passwords.matches(other, hash, anyOrder)

  expect(matches).toBe(false)
})

test.each(vectors.pairs_to_keep_apart)(
  'matches() keeps two passwords apart that $why [ASVS 6.2.8, NIST63B4-3.1.1.2-9]',
  async ({ a_hex, b_hex }) => {
    const { passwords } = countedPasswords()
    const hash = await passwords.hash(textOf(a_hex), anyOrder)

    const verdicts = await Promise.all(
      [textOf(a_hex), textOf(b_hex)].map((typed) => passwords.matches(typed, hash, anyOrder)),
    )

    expect(verdicts).toEqual([true, false])
  },
)

test('matches() verifies a password of 64 characters of four bytes, and no other of that length [ASVS 6.2.9]', async () => {
  const { passwords } = countedPasswords()
  const hash = await passwords.hash('\u{1f511}'.repeat(64), anyOrder)

  const verdicts = await Promise.all(
    ['\u{1f511}'.repeat(64), `${'\u{1f511}'.repeat(63)}\u{1f512}`].map((typed) =>
      passwords.matches(typed, hash, anyOrder),
    ),
  )

  expect(verdicts).toEqual([true, false])
})

test.each(cutByOthers)(
  'matches() refuses $id, though bcrypt that cuts at 72 bytes would take it',
  async ({ password_hex, hash }) => {
    const { passwords } = countedPasswords()

    const matches = await passwords.matches(textOf(password_hex), hash, anyOrder)

    expect(matches).toBe(false)
  },
)

test.each([
  ['an unknown account', undefined],
  ['a wrong password', stored],
  ['a wrong password for a hash of the least cost', storedAt(4)],
  ['a wrong password for a hash of a cost between', storedAt(5)],
  ['a wrong password for a pre-hashed one', storedAt(cost, 'x'.repeat(100))],
  ['a wrong password for a cheaper pre-hashed one', storedAt(4, 'x'.repeat(100))],
  ['an empty hash', ''],
  ['a malformed hash', 'not a hash'],
  ['a hash of another scheme', '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA'],
  ['a hash that would take hours', `$2b$31$${stored.slice(7)}`],
])('matches() spends the rounds of one hash on %s, and answers false', async (_what, hash) => {
  const { passwords, rounds } = countedPasswords()

  const matches = await passwords.matches('a wrong password', hash, anyOrder)

  expect(matches).toBe(false)
  expect(rounds()).toBe(2 ** cost)
})

test('matches() spends the rounds of one hash on an unknown account, whatever decoy was drawn', async () => {
  const draws = Array.from({ length: 200 }, () => countedPasswords())

  for (const { passwords } of draws) await passwords.matches('a wrong password', undefined, anyOrder)

  expect(draws.map(({ rounds }) => rounds())).toEqual(draws.map(() => 2 ** cost))
})

test('matches() spends the rounds of one hash on a password that bcrypt would cut', async () => {
  const { passwords, rounds } = countedPasswords()

  const matches = await passwords.matches(`${'x'.repeat(72)}y`, storedAt(4, 'x'.repeat(72)), anyOrder)

  expect(matches).toBe(false)
  expect(rounds()).toBe(2 ** cost)
})

test('matches() spends no more than the hash costs on the right password', async () => {
  const { passwords, rounds } = countedPasswords()

  const matches = await passwords.matches('SecurePass123', storedAt(4), anyOrder)

  expect(matches).toBe(true)
  expect(rounds()).toBe(2 ** 4)
})

test('matches() spends what the hash costs on a wrong password, where the setting was lowered since', async () => {
  const { passwords, rounds } = countedPasswords()

  const matches = await passwords.matches('a wrong password', storedAt(8), anyOrder)

  expect(matches).toBe(false)
  expect(rounds()).toBe(2 ** 8)
})

test.each([
  ['right', 'SecurePass123'],
  ['wrong', 'a wrong password'],
])(
  'matches() answers false to the %s password when the hash function fails [ASVS 11.2.5]',
  async (_which, password) => {
    const passwords = createPasswords(failing(scheduler), cost)

    const matches = await passwords.matches(password, stored, anyOrder)

    expect(matches).toBe(false)
  },
)

test('hash() throws when the hash function fails, and names nothing of the password', async () => {
  const passwords = createPasswords(failing(scheduler), cost)

  const hashing = passwords.hash('SecurePass123', anyOrder)

  await expect(hashing).rejects.toThrow('Cannot hash a password: the hash function failed')
})

test('hash() writes scheme, cost and salt into each hash [NIST63B4-3.1.1.2-store]', async () => {
  const { passwords } = countedPasswords()

  const hashes = await Promise.all([
    passwords.hash('SecurePass123', anyOrder),
    passwords.hash('SecurePass123', anyOrder),
  ])

  expect(hashes.map(bcryptParameters)).toEqual([
    { scheme: 'bcrypt', cost },
    { scheme: 'bcrypt', cost },
  ])
  expect(hashes[0]).not.toBe(hashes[1])
})

test('hash() and matches() hand a thread the password and nothing that lies beside it in memory', async () => {
  const handed: ArrayBufferLike[] = []
  const run: HashScheduler['run'] = (task, order) => {
    handed.push(task.password.buffer)
    return scheduler.run(task, order)
  }
  const passwords = createPasswords({ ...scheduler, run }, cost)

  await passwords.matches('SecurePass123', await passwords.hash('SecurePass123', anyOrder), anyOrder)

  expect(handed.map((memory) => Buffer.from(memory).toString())).toEqual(['SecurePass123', 'SecurePass123'])
})

test.each([
  ['cheaper than a new one would be', storedAt(cost - 1), true],
  ['as dear as a new one', stored, false],
  ['dearer than a new one', storedAt(cost + 1), false],
  ['pre-hashed and as dear', storedAt(cost, 'x'.repeat(100)), false],
  ['pre-hashed and cheaper', storedAt(cost - 1, 'x'.repeat(100)), true],
  ['malformed', 'not a hash', true],
])('needsRehash() of a hash that is %s is told', (_what, hash, expected) => {
  const passwords = createPasswords(scheduler, cost)

  const needs = passwords.needsRehash(hash)

  expect(needs).toBe(expected)
})

function storedAt(hashCost: number, password = 'SecurePass123'): string {
  return bcryptHash(Buffer.from(password, 'utf8'), hashCost)
}

function textOf(hex: string): string {
  return Buffer.from(hex, 'hex').toString('utf8')
}

/** Real threads, and a count of the bcrypt rounds that they ran. */
function countedPasswords() {
  const rounds: number[] = []
  const run: HashScheduler['run'] = async (task, order) => {
    const answer = await scheduler.run(task, order)
    rounds.push(roundsOf(task, answer))
    return answer
  }
  const sum = () => rounds.reduce((total, each) => total + each, 0)
  return { passwords: createPasswords({ ...scheduler, run }, cost), rounds: sum }
}

function roundsOf(task: HashTask, answer: HashAnswer): number {
  if (task.kind === 'hash') return 2 ** task.cost
  const compared = 'matches' in answer && answer.matches ? [task.stored] : [task.stored, ...task.fillers]
  return compared.map((hash) => 2 ** (bcryptParameters(hash)?.cost ?? Number.NaN)).reduce((sum, each) => sum + each)
}

/** Real threads that are handed something which makes their hash function throw. */
function failing(able: HashScheduler): HashScheduler {
  return { ...able, run: (task, order) => able.run({ ...task, password: null as never }, order) }
}
