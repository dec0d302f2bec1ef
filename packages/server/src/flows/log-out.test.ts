import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, bob, callerOf, testHouse } from '../testing/test-house.ts'

test('logOut() makes every verifier in the process refuse the session before it answers [ASVS 7.4.1]', async () => {
  const house = await testHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const caller = await callerOf(house, accessToken)

  await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })

  await expect(house.verifier.verify(accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('logOut() makes the refresh token of the session void [ASVS 7.4.1]', async () => {
  const house = await testHouse()
  const { accessToken, refreshToken } = await house.auth.signUp(ada)
  const caller = await callerOf(house, accessToken)

  await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })

  const attempt = house.auth.refreshSession({ refreshToken, origin: ada.origin })
  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
})

test('logOut() refuses the refresh token of an ended session within the grace too', async () => {
  const house = await testHouse()
  const { accessToken, refreshToken } = await house.auth.signUp(ada)
  await house.auth.refreshSession({ refreshToken, origin: ada.origin })
  await house.auth.logOut({ caller: await callerOf(house, accessToken), scope: 'local', origin: ada.origin })

  const attempt = house.auth.refreshSession({ refreshToken, origin: ada.origin })

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
})

/** Three sessions of one user and one of another; who logs out is the first. */
async function houseWithSessions() {
  const house = await testHouse()
  const own = await house.auth.signUp(ada)
  const second = await house.auth.logIn(ada)
  const third = await house.auth.logIn(ada)
  const stranger = await house.auth.signUp(bob)
  const isAlive = async (accessToken: string) =>
    house.verifier.verify(accessToken).then(
      () => true,
      () => false,
    )
  const alive = () => Promise.all([own, second, third, stranger].map((pair) => isAlive(pair.accessToken)))
  return { ...house, caller: await callerOf(house, own.accessToken), alive }
}

test.each([
  ['local', 'the session of the caller alone', [false, true, true, true]],
  ['global', 'every session of the user', [false, false, false, true]],
  ['others', 'every session of the user but the one of the caller', [true, false, false, true]],
] as const)('logOut() with the scope %s ends %s', async (scope, _, expected) => {
  const { auth, caller, alive } = await houseWithSessions()

  await auth.logOut({ caller, scope, origin: ada.origin })

  expect(await alive()).toEqual(expected)
})

test.each(['local', 'global'] as const)('logOut() with the scope %s says why the session ended', async (scope) => {
  const house = await fileHouse()
  const caller = await callerOf(house, (await house.auth.signUp(ada)).accessToken)

  await house.auth.logOut({ caller, scope, origin: ada.origin })

  expect(house.database.rows('select revoked_reason as reason from sessions')).toEqual([{ reason: 'logout' }])
})

test('logOut() refuses a session that is over already', async () => {
  const { auth, caller } = await houseWithSessions()
  await auth.logOut({ caller, scope: 'local', origin: ada.origin })

  const again = auth.logOut({ caller, scope: 'global', origin: ada.origin })

  await expect(again).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('logOut() is done once by two who ask at the same time', async () => {
  const { auth, caller } = await houseWithSessions()
  const logOut = () => auth.logOut({ caller, scope: 'local', origin: ada.origin })

  const outcomes = await Promise.allSettled([logOut(), logOut()])

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})
