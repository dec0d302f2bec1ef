import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'

const failed = { code: 'AUTH_FAILED' }
const newPassword = 'AnotherGood1'
const change = { currentPassword: ada.password, newPassword, origin: ada.origin }
const wrong = { ...change, currentPassword: 'WrongPass123' }

/** A different stranger each time. */
const stranger = (number: number) => originAt(`198.51.100.${number}`)

/** Ada with three sessions, of which the first calls, and Bob with one. */
async function houseWithSessions(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  const own = await house.auth.signUp(ada)
  const others = [await house.auth.logIn(ada), await house.auth.logIn(ada)]
  const bobs = await house.auth.signUp(bob)
  return { ...house, own, others, bobs, caller: await callerOf(house, own.accessToken) }
}

test('changePassword() makes the new password the one that logs in [ASVS 6.2.2]', async () => {
  const { auth, caller } = await houseWithSessions()

  await auth.changePassword({ ...change, caller })

  await expect(auth.logIn(ada)).rejects.toMatchObject(failed)
  await expect(auth.logIn({ ...ada, password: newPassword })).resolves.toMatchObject({ userId: caller.userId })
})

test('changePassword() makes every verifier in the process refuse all other sessions of the user before it answers [ASVS 7.4.3]', async () => {
  const { auth, verifier, caller, own, others, bobs } = await houseWithSessions()

  await auth.changePassword({ ...change, caller })

  for (const { accessToken } of others) {
    await expect(verifier.verify(accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  }
  await expect(verifier.verify(own.accessToken)).resolves.toBeDefined()
  await expect(verifier.verify(bobs.accessToken)).resolves.toBeDefined()
})

test('changePassword() makes the refresh tokens of all other sessions void, and leaves the own', async () => {
  const { auth, caller, own, others } = await houseWithSessions()

  await auth.changePassword({ ...change, caller })

  for (const { refreshToken } of others) {
    const attempt = auth.refreshSession({ refreshToken, origin: ada.origin })
    await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
  }
  await expect(auth.refreshSession({ ...own, origin: ada.origin })).resolves.toBeDefined()
})

test('changePassword() with a wrong current password changes nothing and ends nothing [ASVS 6.2.3]', async () => {
  const { auth, verifier, caller, others } = await houseWithSessions()

  await expect(auth.changePassword({ ...wrong, caller })).rejects.toMatchObject(failed)

  await expect(auth.logIn(ada)).resolves.toBeDefined()
  await expect(auth.logIn({ ...ada, password: newPassword })).rejects.toMatchObject(failed)
  for (const { accessToken } of others) await expect(verifier.verify(accessToken)).resolves.toBeDefined()
})

test('changePassword() refuses what no current password can be before it counts the attempt', async () => {
  const { auth, caller } = await houseWithSessions({ RATE_LIMIT_LOGIN: '3/minute' })
  const attempt = auth.changePassword({ ...change, currentPassword: 'x'.repeat(1025), caller })
  await expect(attempt).rejects.toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'current_password' }] })

  const pair = await auth.logIn(ada)

  expect(pair.email).toBe(ada.email)
})

test('changePassword() holds the new password to the policy, block list and email included', async () => {
  const { auth, caller } = await houseWithSessions()
  const refused = ['Abcde12', 'Password123', 'Ada123456']

  const attempts = await Promise.allSettled(
    refused.map((password) => auth.changePassword({ ...change, newPassword: password, caller })),
  )

  for (const attempt of attempts) expect(attempt).toMatchObject({ reason: { code: 'VALIDATION_PASSWORD' } })
  await expect(auth.logIn(ada)).resolves.toBeDefined()
})

test('changePassword() takes a new password beyond 72 bytes whole', async () => {
  const { auth, caller } = await houseWithSessions()
  const long = `Aa1${'x'.repeat(80)}`
  await auth.changePassword({ ...change, newPassword: `${long}1`, caller })

  await expect(auth.logIn({ ...ada, password: `${long}2` })).rejects.toMatchObject(failed)
  await expect(auth.logIn({ ...ada, password: `${long}1` })).resolves.toBeDefined()
})

test('changePassword() lets one of two win that are asked for at once', async () => {
  const { auth, caller } = await houseWithSessions()
  const passwords = [newPassword, 'ThirdGood123']

  const outcomes = await Promise.allSettled(
    passwords.map((password) => auth.changePassword({ ...change, newPassword: password, caller })),
  )

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: failed })
  const winner = passwords[outcomes.findIndex(({ status }) => status === 'fulfilled')] ?? ''
  await expect(auth.logIn({ ...ada, password: winner })).resolves.toBeDefined()
})

test('changePassword() counts a wrong current password as a login of its address', async () => {
  const { auth, caller } = await houseWithSessions({ RATE_LIMIT_LOGIN: '4/minute' })
  await expect(auth.changePassword({ ...wrong, caller })).rejects.toMatchObject(failed)
  await expect(auth.changePassword({ ...wrong, caller })).rejects.toMatchObject(failed)

  const change3 = auth.changePassword({ ...change, caller })

  await expect(change3).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', quota: { name: 'login', limit: 4 } })
  await expect(auth.logIn(ada)).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
})

test('changePassword() counts a wrong current password from a new network against the account', async () => {
  const { auth, caller } = await houseWithSessions({ RATE_LIMIT_ACCOUNT: '2/hour' })
  await expect(auth.changePassword({ ...wrong, caller, origin: stranger(1) })).rejects.toMatchObject(failed)
  await expect(auth.changePassword({ ...wrong, caller, origin: stranger(2) })).rejects.toMatchObject(failed)

  const third = auth.changePassword({ ...change, caller, origin: stranger(3) })

  await expect(third).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', quota: { name: 'account', limit: 2 } })
  await expect(auth.logIn({ ...ada, origin: stranger(4) })).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
})

test('changePassword() lets the owner change it from a known network while the account limit is spent', async () => {
  const { auth, caller } = await houseWithSessions({ RATE_LIMIT_ACCOUNT: '1/hour' })
  await expect(auth.changePassword({ ...wrong, caller, origin: stranger(1) })).rejects.toMatchObject(failed)
  await expect(auth.changePassword({ ...wrong, caller })).rejects.toMatchObject(failed)

  await auth.changePassword({ ...change, caller })

  await expect(auth.logIn({ ...ada, password: newPassword })).resolves.toBeDefined()
  await expect(auth.logIn({ ...ada, origin: stranger(2) })).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
})

test('changePassword() forgets the failures of an account when it succeeds from a new network', async () => {
  const { auth, caller } = await houseWithSessions({ RATE_LIMIT_ACCOUNT: '2/hour' })
  await expect(auth.changePassword({ ...wrong, caller, origin: stranger(1) })).rejects.toMatchObject(failed)

  await auth.changePassword({ ...change, caller, origin: stranger(2) })

  await expect(auth.logIn({ ...ada, password: newPassword, origin: stranger(3) })).resolves.toBeDefined()
})

test('changePassword() takes an attempt back that could not be compared for want of room', async () => {
  const tooMany = 40 * availableParallelism()
  const { auth, caller } = await houseWithSessions({
    BCRYPT_COST: '8',
    HASH_MAX_WAIT: '0',
    RATE_LIMIT_ACCOUNT: `${tooMany}/hour`,
  })
  const guess = () => auth.changePassword({ ...wrong, caller, origin: stranger(1) }).catch((refusal) => refusal.code)

  const codes = await Promise.all(Array.from({ length: tooMany }, guess))

  expect(new Set(codes)).toEqual(new Set(['AUTH_FAILED', 'OVERLOADED']))
  expect(await guess()).toBe('AUTH_FAILED')
})

test('changePassword() refuses a session that is over, and one of another user', async () => {
  const house = await houseWithSessions()
  const { auth, caller } = house
  const bobs = await callerOf(house, house.bobs.accessToken)
  const mixed = { userId: caller.userId, sessionId: bobs.sessionId }
  await expect(auth.changePassword({ ...change, caller: mixed })).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  await auth.logOut({ caller, scope: 'local', origin: ada.origin })

  const attempt = auth.changePassword({ ...change, caller })

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  await expect(auth.logIn(ada)).resolves.toBeDefined()
})

test('changePassword() says why the other sessions ended, and stores neither password', async () => {
  const house = await fileHouse()
  const caller = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  await house.auth.logIn(ada)

  await house.auth.changePassword({ ...change, caller })

  const sessions = house.database.rows('select revoked_reason from sessions order by revoked_reason nulls first')
  const stored = JSON.stringify([house.database.rows('select * from users'), house.database.events()])
  expect(sessions).toEqual([{ revoked_reason: null }, { revoked_reason: 'password_changed' }])
  expect(house.database.events().at(-1)).toMatchObject({
    event_type: 'password_changed',
    user_id: caller.userId,
    session_id: caller.sessionId,
  })
  for (const secret of [ada.password, newPassword]) expect(stored).not.toContain(secret)
})

test('changePassword() puts the new hash under the cost of the setting', async () => {
  const old = await fileHouse({ BCRYPT_COST: '4' })
  const { accessToken } = await old.auth.signUp(ada)
  const stronger = await testHouse({ BCRYPT_COST: '5', DATABASE_URL: old.databaseUrl })

  await stronger.auth.changePassword({ ...change, caller: await callerOf(old, accessToken) })

  expect(old.database.rows('select password_hash from users')).toEqual([
    { password_hash: expect.stringMatching(/^\$2b\$05\$/) },
  ])
})
