import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { newId } from '../crypto/secrets.ts'
import type { SessionId } from '../domain/session.ts'
import { ada, bob, callerOf, testHouse } from '../testing/test-house.ts'

const { origin } = ada
const notFound = { code: 'NOT_FOUND' }
const revoked = { code: 'AUTH_REVOKED' }

/** Ada with two sessions, of which the first calls, and Bob with one. */
async function houseWithSessions() {
  const house = await testHouse()
  const own = await house.auth.signUp(ada)
  const other = await house.auth.logIn(ada)
  const bobs = await house.auth.signUp(bob)
  const [caller, target, stranger] = await Promise.all(
    [own, other, bobs].map(({ accessToken }) => callerOf(house, accessToken)),
  )
  if (!caller || !target || !stranger) throw new Error('Cannot seed the house')
  return { ...house, own, other, bobs, caller, target, stranger }
}

test('endSession() makes every verifier in the process refuse the session before it answers, and its refresh token void [ASVS 10.4.9]', async () => {
  const { auth, verifier, own, other, caller, target } = await houseWithSessions()

  const ended = await auth.endSession({ caller, sessionId: target.sessionId, origin })

  expect(ended).toEqual({ isOwn: false })
  await expect(verifier.verify(other.accessToken)).rejects.toMatchObject(revoked)
  await expect(auth.refreshSession({ ...other, origin })).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
  await expect(verifier.verify(own.accessToken)).resolves.toBeDefined()
  await expect(auth.refreshSession({ ...own, origin })).resolves.toBeDefined()
})

test('endSession() ends the own session as a logout does, and no other', async () => {
  const house = await fileHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const other = await house.auth.logIn(ada)
  const caller = await callerOf(house, accessToken)

  const ended = await house.auth.endSession({ caller, sessionId: caller.sessionId, origin })

  expect(ended).toEqual({ isOwn: true })
  await expect(house.verifier.verify(accessToken)).rejects.toMatchObject(revoked)
  await expect(house.verifier.verify(other.accessToken)).resolves.toBeDefined()
  expect(house.database.events().at(-1)).toMatchObject({ event_type: 'logout', session_id: caller.sessionId })
})

test('endSession() leaves a line that names the session that ended', async () => {
  const house = await fileHouse()
  const caller = await callerOf(house, (await house.auth.signUp(ada)).accessToken)
  const { userId, sessionId } = await callerOf(house, (await house.auth.logIn(ada)).accessToken)

  await house.auth.endSession({ caller, sessionId, origin })

  const line = { event_type: 'session_revoked', user_id: userId, session_id: sessionId, success: 1 }
  expect(house.database.events().at(-1)).toMatchObject(line)
  expect(house.database.rows('select revoked_reason from sessions where revoked_at is not null')).toEqual([
    { revoked_reason: 'session_revoked' },
  ])
})

test('endSession() does not find the session of another user, and leaves it alone', async () => {
  const { auth, verifier, bobs, caller, stranger } = await houseWithSessions()

  const attempt = auth.endSession({ caller, sessionId: stranger.sessionId, origin })

  await expect(attempt).rejects.toMatchObject(notFound)
  await expect(verifier.verify(bobs.accessToken)).resolves.toBeDefined()
})

test('endSession() does not find a session that is unknown, or that has ended', async () => {
  const { auth, caller, target } = await houseWithSessions()
  const end = (sessionId: SessionId) => auth.endSession({ caller, sessionId, origin })
  await end(target.sessionId)

  const attempts = await Promise.allSettled([end(target.sessionId), end(newId() as SessionId)])

  for (const attempt of attempts) expect(attempt).toMatchObject({ reason: notFound })
})

test('endSession() does not find a session that is too old', async () => {
  const { auth, clock, caller, target } = await houseWithSessions()
  clock.advance(29 * 86_400)
  const { accessToken } = await auth.logIn(ada)
  clock.advance(86_400)
  const [, payload = ''] = accessToken.split('.')
  const { sid } = JSON.parse(Buffer.from(payload, 'base64url').toString())

  const attempt = auth.endSession({ caller: { ...caller, sessionId: sid }, sessionId: target.sessionId, origin })

  await expect(attempt).rejects.toMatchObject(notFound)
})

test('endSession() refuses a caller whose own session is over, and ends nothing', async () => {
  const { auth, verifier, other, caller, target } = await houseWithSessions()
  await auth.logOut({ caller, scope: 'local', origin })

  const attempt = auth.endSession({ caller, sessionId: target.sessionId, origin })

  await expect(attempt).rejects.toMatchObject(revoked)
  await expect(verifier.verify(other.accessToken)).resolves.toBeDefined()
})

test('endSession() is done once by ten who ask at once', async () => {
  const { auth, caller, target } = await houseWithSessions()
  const end = () => auth.endSession({ caller, sessionId: target.sessionId, origin })

  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, end))

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})
