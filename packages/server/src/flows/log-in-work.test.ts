import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { createAuth } from '../auth.ts'
import { deviceTokens } from '../crypto/device-tokens.ts'
import { sealUnder } from '../crypto/seal.ts'
import { newId } from '../crypto/secrets.ts'
import type { HashOrder } from '../domain/hash-order.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Caller } from '../domain/session.ts'
import type { HashScheduler } from '../hashing/hash-scheduler.ts'
import type { HashTask } from '../hashing/hash-task.ts'
import { createPasswords } from '../hashing/passwords.ts'
import { memoryLimit, unlimited } from '../limits/memory-limit.ts'
import { countingStore } from '../testing/counting-store.ts'
import { patientScheduler } from '../testing/patient-scheduler.ts'
import { testClock } from '../testing/test-clock.ts'
import { freshDatabase, lookInto, openTestDatabase } from '../testing/test-database.ts'
import { ada, originAt } from '../testing/test-house.ts'
import { takeTurns } from './take-turns.ts'
import { tallyRefusals } from './tally-refusals.ts'

/** The real product, with an eye on every hash and on every change of the database. */
async function countedAuth({ cost = 4, attempts = Number.MAX_SAFE_INTEGER, of = freshDatabase() } = {}) {
  const databaseUrl = await of
  const database = openTestDatabase(databaseUrl)
  const { store, asked } = countingStore(database.store)
  const scheduler = patientScheduler()
  const hashes: HashTask[] = []
  const orders: HashOrder[] = []
  const room: { isFull(order: HashOrder): boolean } = { isFull: () => false }
  let between: (() => Promise<unknown>) | undefined
  const run: HashScheduler['run'] = async (task, order) => {
    hashes.push(task)
    orders.push(order)
    const interruption = between
    between = undefined
    await interruption?.()
    return scheduler.run(task, order)
  }
  const assertRoom: HashScheduler['assertRoom'] = (order) => {
    if (room.isFull(order)) throw new Refusal('OVERLOADED')
    scheduler.assertRoom(order)
  }
  const hasRoom: HashScheduler['hasRoom'] = (order) => !room.isFull(order) && scheduler.hasRoom(order)
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const { now } = testClock()
  const secret = randomBytes(32)
  const accountLimit = memoryLimit('account', { attempts, windowSeconds: 3600 })
  const addressLimit = memoryLimit('login', { attempts, windowSeconds: 60 })

  await database.migrations.up()
  const auth = createAuth({
    store,
    passwords: createPasswords({ ...scheduler, run, assertRoom, hasRoom }, cost),
    limits: {
      loginPerAddress: addressLimit,
      loginPerAccount: accountLimit,
      loginPerDevice: unlimited,
      signupPerAddress: unlimited,
      introspection: unlimited,
      requestPerAddress: unlimited,
    },
    devices: deviceTokens(sealUnder(secret, 'device tokens'), { now, newId }),
    refusals: tallyRefusals({ store: database.store, log, now, newId }),
    policy: { name: 'mission', isCommon: () => false, contextWords: [] },
    log,
    inTurn: takeTurns(),
    currentSigner: async () => ({ secret }),
    readAccessToken: async () => undefined,
    statusOf: async (index) => ({ uri: 'http://localhost:8000/.well-known/status-lists/0', index }),
    announceRevocations: async () => {},
    now,
    newId,
    issuer: 'http://localhost:8000',
    audience: undefined,
    lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 900, sessionSeconds: 900, reuseGraceSeconds: 10 },
  })
  onTestFinished(async () => {
    await scheduler.close()
    await database.close()
  })

  const outside = lookInto(databaseUrl)
  /** What a refused login costs. */
  const costOf = async (input: { email: string; password: string }, address = '192.0.2.99') => {
    hashes.length = 0
    const before = outside.commits()
    await expect(auth.logIn({ ...input, origin: originAt(address) })).rejects.toThrow()
    return { hashes: hashes.map(shape), changes: outside.commits() - before }
  }
  /** Does something else while the next hash is computed. */
  const duringNextHash = (deed: () => Promise<unknown>) => {
    between = deed
  }
  return { auth, asked, costOf, hashes, orders, room, duringNextHash, databaseUrl, outside }
}

function callerOf({ accessToken }: { accessToken: string }): Caller {
  const [, payload = ''] = accessToken.split('.')
  const { user_id, sid } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  return { userId: user_id, sessionId: sid }
}

/** What decides how long a hash takes: its kind and cost, and the length of the password. */
function shape(task: HashTask) {
  const costs = task.kind === 'hash' ? [task.cost] : [task.stored, ...task.fillers].map((hash) => hash.slice(0, 7))
  return { kind: task.kind, costs, bytes: task.password.length }
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

  expect(wrongPassword.hashes).toEqual([{ kind: 'match', costs: ['$2b$04$'], bytes: 13 }])
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

test.each([
  ['a stranger by its network', originAt('192.0.2.99'), 'login'],
  ['who is known by the account', ada.origin, 'familiar_login'],
])('logIn() orders the hashes of %s, and is not sent away before it has renewed one', async (_, origin, purpose) => {
  const old = await countedAuth({ cost: 4 })
  await old.auth.signUp(ada)
  const { auth, orders } = await countedAuth({ cost: 5, of: Promise.resolve(old.databaseUrl) })

  const { userId } = await auth.logIn({ ...ada, origin })

  const order = { purpose, network: purpose === 'login' ? origin.network : userId, signal: undefined }
  expect(orders).toEqual([order, { ...order, isContinued: true }])
})

/** Strangers fill their line; who is known has another. */
const strangersWait = ({ purpose }: HashOrder) => purpose === 'login'
const elsewhere = originAt('198.51.100.1')

test('logIn() lets in who comes from a known network, or on a known device, where strangers find no room', async () => {
  const { auth, room } = await countedAuth()
  const { deviceToken: device } = await auth.signUp(ada)
  room.isFull = strangersWait

  const stranger = auth.logIn({ ...ada, origin: elsewhere })
  const unknown = auth.logIn({ ...ada, email: 'nobody@example.com' })

  await expect(stranger).rejects.toMatchObject({ code: 'OVERLOADED' })
  await expect(unknown).rejects.toMatchObject({ code: 'OVERLOADED' })
  await expect(auth.logIn(ada)).resolves.toBeDefined()
  await expect(auth.logIn({ ...ada, device, origin: elsewhere })).resolves.toBeDefined()
})

test('logIn() asks once for the account where there is room, and on a known device always', async () => {
  const { auth, asked, room } = await countedAuth()
  const { deviceToken: device } = await auth.signUp(ada)
  const timesAsked = async (input: { device?: string }) => {
    asked.length = 0
    await auth.logIn({ ...ada, ...input })
    return asked.filter((verb) => verb === 'users.findOrDecoy').length
  }

  const withRoom = [await timesAsked({}), await timesAsked({ device })]
  room.isFull = strangersWait

  expect(withRoom).toEqual([1, 1])
  expect(await timesAsked({ device })).toBe(1)
})

test('logIn() that finds no room to hash is counted nowhere', async () => {
  const { auth, room } = await countedAuth({ attempts: 1 })
  await auth.signUp(ada)
  room.isFull = () => true
  await expect(auth.logIn(ada)).rejects.toMatchObject({ code: 'OVERLOADED' })
  room.isFull = () => false

  const attempt = auth.logIn(ada)

  await expect(attempt).resolves.toBeDefined()
})

test.each([
  ['known', ada.origin],
  ['new', originAt('198.51.100.1')],
])('logIn() from a %s network calls no password wrong that nobody compared', async (_, origin) => {
  const { auth, duringNextHash } = await countedAuth()
  await auth.signUp(ada)
  duringNextHash(() => Promise.reject(new Refusal('OVERLOADED')))

  const attempt = auth.logIn({ ...ada, origin })

  await expect(attempt).rejects.toMatchObject({ code: 'OVERLOADED' })
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

const change = { currentPassword: ada.password, newPassword: 'AnotherGood1', origin: ada.origin }

test('logIn() opens nothing with a password that was changed while it was compared', async () => {
  const { auth, duringNextHash, outside } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  duringNextHash(() => auth.changePassword({ ...change, caller }))

  const attempt = auth.logIn(ada)

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_FAILED' })
  expect(outside.rows('select id from sessions where revoked_at is null')).toEqual([{ id: caller.sessionId }])
  expect(outside.events().at(-1)).toMatchObject({ event_type: 'login_failed', failure_reason: 'wrong_password' })
})

test('logIn() opens nothing where the account was disabled while its password was compared', async () => {
  const { auth, duringNextHash, outside } = await countedAuth()
  await auth.signUp(ada)
  duringNextHash(() => auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: ada.origin }))

  const attempt = auth.logIn(ada)

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_FAILED' })
  expect(outside.rows('select id from sessions where revoked_at is null')).toEqual([])
  expect(outside.events().at(-1)).toMatchObject({ event_type: 'login_failed', failure_reason: 'inactive' })
})

test('logIn() succeeds where a login beside it has renewed the hash of the same password', async () => {
  const old = await countedAuth({ cost: 4 })
  await old.auth.signUp(ada)
  const stronger = await countedAuth({ cost: 5, of: Promise.resolve(old.databaseUrl) })
  stronger.duringNextHash(() => stronger.auth.logIn(ada))

  const pair = await stronger.auth.logIn(ada)

  expect(pair.email).toBe(ada.email)
})

test('changePassword() comes too late where another change was done while it hashed', async () => {
  const { auth, duringNextHash } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  duringNextHash(() => auth.changePassword({ ...change, caller }))

  const late = auth.changePassword({ ...change, newPassword: 'TooLatePass1', caller })

  await expect(late).rejects.toMatchObject({ code: 'AUTH_FAILED' })
  await expect(auth.logIn({ ...ada, password: 'AnotherGood1' })).resolves.toBeDefined()
  await expect(auth.logIn({ ...ada, password: 'TooLatePass1' })).rejects.toMatchObject({ code: 'AUTH_FAILED' })
})

test('changePassword() succeeds where a login has renewed the hash while it hashed', async () => {
  const old = await countedAuth({ cost: 4 })
  const caller = callerOf(await old.auth.signUp(ada))
  const stronger = await countedAuth({ cost: 5, of: Promise.resolve(old.databaseUrl) })
  stronger.duringNextHash(() => stronger.auth.logIn(ada))

  await stronger.auth.changePassword({ ...change, caller })

  await expect(stronger.auth.logIn({ ...ada, password: 'AnotherGood1' })).resolves.toBeDefined()
})

test('changePassword() changes nothing where its session ended while it hashed', async () => {
  const { auth, duringNextHash } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  duringNextHash(() => auth.logOut({ caller, scope: 'local', origin: ada.origin }))

  const attempt = auth.changePassword({ ...change, caller })

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  await expect(auth.logIn(ada)).resolves.toBeDefined()
})

test('changePassword() compares once and hashes once', async () => {
  const { auth, hashes } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  hashes.length = 0

  await auth.changePassword({ ...change, caller })

  expect(hashes.map(({ kind }) => kind)).toEqual(['match', 'hash'])
})

test('changePassword() orders its hashes as such, and is not sent away between the two', async () => {
  const { auth, orders } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  orders.length = 0

  await auth.changePassword({ ...change, caller })

  const order = { purpose: 'password_change', network: ada.origin.network }
  expect(orders).toEqual([order, { ...order, isContinued: true }])
})

test('changePassword() that finds no room to hash is counted nowhere', async () => {
  const { auth, room } = await countedAuth({ attempts: 1 })
  const caller = callerOf(await auth.signUp(ada))
  room.isFull = () => true
  await expect(auth.changePassword({ ...change, caller })).rejects.toMatchObject({ code: 'OVERLOADED' })
  room.isFull = () => false

  const attempt = auth.changePassword({ ...change, caller })

  await expect(attempt).resolves.toBeUndefined()
})

test('changePassword() with a new password that is refused, or the current one, costs no hash', async () => {
  const { auth, hashes } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  hashes.length = 0

  const attempts = await Promise.allSettled([
    auth.changePassword({ ...change, newPassword: 'weak', caller }),
    auth.changePassword({ ...change, newPassword: ada.password, caller }),
  ])

  expect(attempts.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(hashes).toEqual([])
})

test('changePassword() with a wrong current password hashes nothing new', async () => {
  const { auth, hashes } = await countedAuth()
  const caller = callerOf(await auth.signUp(ada))
  hashes.length = 0

  const attempt = auth.changePassword({ ...change, currentPassword: 'WrongPass123', caller })

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_FAILED' })
  expect(hashes.map(({ kind }) => kind)).toEqual(['match'])
})
