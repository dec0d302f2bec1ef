import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'

test('listEvents() gives the own lines, newest first, page by page', async () => {
  const house = await testHouse()
  const { accessToken, refreshToken } = await house.auth.signUp(ada)
  await house.auth.signUp(bob)
  await house.auth.logIn(ada)
  await house.auth.refreshSession({ refreshToken, origin: ada.origin })
  const caller = await callerOf(house, accessToken)

  const first = await house.auth.listEvents({ caller, cursor: undefined, limit: 2 })
  const second = await house.auth.listEvents({ caller, cursor: first.nextCursor, limit: 2 })

  expect(first.events.map(({ type }) => type)).toEqual(['refresh', 'login'])
  expect(second.events.map(({ type }) => type)).toEqual(['signup'])
  expect(second.nextCursor).toBeUndefined()
})

test('listEvents() gives no next cursor where the page ends with the last line', async () => {
  const house = await testHouse()
  const { accessToken } = await house.auth.signUp(ada)
  await house.auth.logIn(ada)

  const page = await house.auth.listEvents({ caller: await callerOf(house, accessToken), cursor: undefined, limit: 2 })

  expect(page.events).toHaveLength(2)
  expect(page.nextCursor).toBeUndefined()
})

test('listEvents() refuses a cursor from the log of another user [ASVS 8.4.1]', async () => {
  const house = await testHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const other = await house.auth.signUp(bob)
  await house.auth.logIn(bob)
  const bobs = await house.auth.listEvents({
    caller: await callerOf(house, other.accessToken),
    cursor: undefined,
    limit: 1,
  })

  const attempt = house.auth.listEvents({
    caller: await callerOf(house, accessToken),
    cursor: bobs.nextCursor,
    limit: 1,
  })

  expect(bobs.nextCursor).toBeDefined()
  await expect(attempt).rejects.toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'cursor' }] })
})

test('listEvents() refuses a session that is over', async () => {
  const house = await testHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const caller = await callerOf(house, accessToken)
  await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })

  const attempt = house.auth.listEvents({ caller, cursor: undefined, limit: 1 })

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('readProfile() refuses a session at its absolute end [ASVS 7.3.2]', async () => {
  const house = await testHouse({ SESSION_TTL: '1h', ACCESS_TOKEN_TTL: '1h' })
  const { accessToken } = await house.auth.signUp(ada)
  const caller = await callerOf(house, accessToken)
  house.clock.advance(3600)

  const attempt = house.auth.readProfile(caller)

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('readProfile() refuses a token whose user is disabled or no longer there [RFC8725-3.8b]', async () => {
  const house = await fileHouse()
  const disabled = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  const deleted = await callerOf(house, (await house.auth.signUp(bob)).accessToken)

  await house.auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: originAt('local') })
  house.database.run(`delete from users where email = '${bob.email}'`)

  await expect(house.auth.readProfile(disabled)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  await expect(house.auth.readProfile(deleted)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('readProfile() refuses the session of another user', async () => {
  const house = await testHouse()
  const own = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  const other = await callerOf(house, (await house.auth.signUp(bob)).accessToken)

  const attempt = house.auth.readProfile({ userId: own.userId, sessionId: other.sessionId })

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})
