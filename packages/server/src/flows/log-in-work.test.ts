import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openFile, temporaryFolder } from '../../test/database-file.ts'
import { createAuth } from '../auth.ts'
import { type HashTask, startHashWorkers } from '../crypto/hash-workers.ts'
import { createPasswords } from '../crypto/passwords.ts'
import { newId } from '../crypto/secrets.ts'
import { memoryLimit, unlimited } from '../limits/memory-limit.ts'
import { openDatabase } from '../storage/open-store.ts'
import { testClock } from '../testing/test-clock.ts'
import { ada, originAt } from '../testing/test-house.ts'
import { takeTurns } from './take-turns.ts'
import { tallyRefusals } from './tally-refusals.ts'

/** The real product, with an eye on every hash and on every change of the database. */
async function countedAuth({ cost = 4, attempts = Number.MAX_SAFE_INTEGER } = {}) {
  const path = join(temporaryFolder(), 'latchkey.db')
  const database = openDatabase(`sqlite:${path}`)
  const workers = startHashWorkers()
  const hashes: HashTask[] = []
  const run = (task: HashTask) => {
    hashes.push(task)
    return workers.run(task)
  }
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const { now } = testClock()
  const secret = randomBytes(32)
  const accountLimit = memoryLimit('account', { attempts, windowSeconds: 3600 })
  const addressLimit = memoryLimit('login', { attempts, windowSeconds: 60 })

  await database.migrations.up()
  const auth = createAuth({
    store: database.store,
    passwords: createPasswords({ ...workers, run }, cost),
    limits: {
      loginPerAddress: addressLimit,
      loginPerAccount: accountLimit,
      signupPerAddress: unlimited,
      requestPerAddress: unlimited,
    },
    refusals: tallyRefusals({ store: database.store, log, now, newId }),
    policy: { name: 'mission', isCommon: () => false, contextWords: [] },
    log,
    inTurn: takeTurns(),
    currentSigner: async () => ({ secret }),
    announceRevocations: async () => {},
    now,
    newId,
    issuer: 'http://localhost:8000',
    audience: undefined,
    lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 900, sessionSeconds: 900, reuseGraceSeconds: 10 },
  })
  onTestFinished(async () => {
    await workers.close()
    await database.close()
  })

  const outside = openFile(path)
  /** What a refused login costs. */
  const costOf = async (input: { email: string; password: string }, address = '192.0.2.99') => {
    hashes.length = 0
    const before = outside.version()
    await expect(auth.logIn({ ...input, origin: originAt(address) })).rejects.toThrow()
    return { hashes: hashes.map(shape), changes: outside.version() - before }
  }
  return { auth, costOf, hashes }
}

/** What decides how long a hash takes: its kind and cost, and the length of the password. */
function shape(task: HashTask) {
  const cost = task.kind === 'hash' ? task.cost : task.stored.slice(0, 7)
  return { kind: task.kind, cost, bytes: task.password.length }
}

const wrong = { ...ada, password: 'WrongPass1234' }

test('logIn() does the same work for a wrong password, an unknown email and a disabled account', async () => {
  const { auth, costOf } = await countedAuth()
  await auth.signUp(ada)
  await auth.createUser({ ...ada, email: 'eve@example.com' })
  await auth.setUserActive({ emailOrId: 'eve@example.com', isActive: false, origin: ada.origin })

  const wrongPassword = await costOf(wrong)
  const unknownEmail = await costOf({ ...wrong, email: 'nobody@example.com' })
  const inactive = await costOf({ ...ada, email: 'eve@example.com' })

  expect(wrongPassword.hashes).toEqual([{ kind: 'match', cost: '$2b$04$', bytes: 13 }])
  expect(unknownEmail).toEqual(wrongPassword)
  expect(inactive).toEqual(wrongPassword)
})

test('logIn() does the same work for a password that bcrypt cannot hold, known email or not', async () => {
  const { auth, costOf } = await countedAuth()
  const long = { ...ada, password: `Aa1${'x'.repeat(200)}` }
  await auth.signUp(ada)

  const known = await costOf(long)
  const unknown = await costOf({ ...long, email: 'nobody@example.com' })

  expect(known.hashes).toHaveLength(1)
  expect(unknown).toEqual(known)
})

test('logIn() hashes once when it succeeds', async () => {
  const { auth, hashes } = await countedAuth()
  await auth.signUp(ada)
  hashes.length = 0

  await auth.logIn(ada)

  expect(hashes.map(({ kind }) => kind)).toEqual(['match'])
})

test('logIn() from an address that is refused costs no hash and no write', async () => {
  const { auth, costOf } = await countedAuth({ attempts: 1 })
  await auth.signUp(ada)
  await costOf(wrong)

  const cost = await costOf(wrong)

  expect(cost).toEqual({ hashes: [], changes: 0 })
})

test('logIn() to an account that strangers may try no more costs no hash and no write', async () => {
  const { auth, costOf } = await countedAuth({ attempts: 1 })
  await auth.signUp(ada)
  await costOf(wrong, '198.51.100.1')

  const cost = await costOf(wrong, '198.51.100.2')

  expect(cost).toEqual({ hashes: [], changes: 0 })
})

test('logIn() with a malformed email or an unusable password costs no hash and no write', async () => {
  const { costOf } = await countedAuth()

  const malformed = await costOf({ ...ada, email: 'no address' })
  const unusable = await costOf({ ...ada, password: 'x'.repeat(1025) })

  expect(malformed).toEqual({ hashes: [], changes: 0 })
  expect(unusable).toEqual({ hashes: [], changes: 0 })
})

test('signUp() with a taken email costs no hash', async () => {
  const { auth, hashes } = await countedAuth()
  await auth.signUp(ada)
  hashes.length = 0

  await expect(auth.signUp(ada)).rejects.toMatchObject({ code: 'CONFLICT_EMAIL' })

  expect(hashes).toEqual([])
})

test('signUp() with a weak password costs no hash', async () => {
  const { auth, hashes } = await countedAuth()

  await expect(auth.signUp({ ...ada, password: 'weak' })).rejects.toMatchObject({ code: 'VALIDATION_PASSWORD' })

  expect(hashes).toEqual([])
})
