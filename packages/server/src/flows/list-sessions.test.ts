import { expect, test } from 'vitest'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'

test('listSessions() lists the live sessions of the caller alone, the newest use first', async () => {
  const house = await testHouse()
  const first = await house.auth.signUp(ada)
  await house.auth.signUp(bob)
  house.clock.advance(60)
  const second = await house.auth.logIn({ ...ada, origin: originAt('192.0.2.7') })
  house.clock.advance(60)
  await house.auth.refreshSession({ ...first, origin: originAt('192.0.2.9') })
  const caller = await callerOf(house, second.accessToken)

  const listed = await house.auth.listSessions(caller)

  const older = await callerOf(house, first.accessToken)
  const now = house.clock.now()
  expect(listed.count).toBe(2)
  expect(listed.sessions).toEqual([
    expect.objectContaining({ id: older.sessionId, ipAddress: ada.origin.address, lastUsedAt: now }),
    expect.objectContaining({ id: caller.sessionId, ipAddress: '192.0.2.7', createdAt: now - 60_000 }),
  ])
})

test('listSessions() forgets a session when it ends', async () => {
  const house = await testHouse()
  const caller = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  await house.auth.logIn(ada)
  await house.auth.logOut({ caller, scope: 'others', origin: ada.origin })

  const { sessions, count } = await house.auth.listSessions(caller)

  expect(sessions.map(({ id }) => id)).toEqual([caller.sessionId])
  expect(count).toBe(1)
})

test('listSessions() forgets a session that nobody can use any more, though nobody ended it', async () => {
  const house = await testHouse({ REFRESH_TOKEN_TTL: '1h', ACCESS_TOKEN_TTL: '15m' })
  await house.auth.signUp(ada)
  house.clock.advance(3600)
  const caller = await callerOf(house, (await house.auth.logIn(ada)).accessToken)

  const { sessions, count } = await house.auth.listSessions(caller)

  expect(sessions.map(({ id }) => id)).toEqual([caller.sessionId])
  expect(count).toBe(1)
})

test('listSessions() lists a session until its refresh token is too old, though its access token is already', async () => {
  const house = await testHouse({ REFRESH_TOKEN_TTL: '1h', ACCESS_TOKEN_TTL: '15m' })
  await house.auth.signUp(ada)
  house.clock.advance(3599)
  const caller = await callerOf(house, (await house.auth.logIn(ada)).accessToken)

  const { count } = await house.auth.listSessions(caller)

  expect(count).toBe(2)
})

test('listSessions() lists the hundred that were used last, and counts all', async () => {
  const house = await testHouse()
  const caller = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  house.clock.advance(1)
  for (let login = 0; login < 101; login++) await house.auth.logIn(ada)

  const { sessions, count } = await house.auth.listSessions(caller)

  expect(count).toBe(102)
  expect(sessions).toHaveLength(100)
  expect(sessions.map(({ id }) => id)).not.toContain(caller.sessionId)
})

test('listSessions() refuses a session that is over', async () => {
  const house = await testHouse()
  const caller = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })

  const attempt = house.auth.listSessions(caller)

  await expect(attempt).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})
