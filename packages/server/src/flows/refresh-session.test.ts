import { expect, test } from 'vitest'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'

const day = 86_400
const refused = { code: 'AUTH_REFRESH_INVALID' }

test('refreshSession() trades a refresh token for a new one and a new access token of the same session [RFC9700-2.2.2]', async () => {
  const house = await testHouse()
  const first = await house.auth.signUp(ada)

  const second = await house.auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  expect(second.refreshToken).not.toBe(first.refreshToken)
  expect(second.accessToken).not.toBe(first.accessToken)
  expect(await callerOf(house, second.accessToken)).toEqual(await callerOf(house, first.accessToken))
})

test('refreshSession() ends the session when a token comes back after the grace [RFC9700-4.14.2c]', async () => {
  const { auth, clock } = await testHouse()
  const first = await auth.signUp(ada)
  const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
  clock.advance(10)

  const replay = auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  await expect(replay).rejects.toMatchObject(refused)
  const rightful = auth.refreshSession({ refreshToken: second.refreshToken, origin: ada.origin })
  await expect(rightful).rejects.toMatchObject(refused)
})

test('refreshSession() revokes the access tokens of a session whose refresh token came back', async () => {
  const { auth, clock, verifier } = await testHouse()
  const first = await auth.signUp(ada)
  const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
  clock.advance(60)

  const replay = auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  await expect(replay).rejects.toMatchObject(refused)
  await expect(verifier.verify(second.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('refreshSession() makes every verifier in the process refuse the session of a token that came back before it answers', async () => {
  const { auth, verifier } = await testHouse({ REFRESH_REUSE_GRACE: '0' })
  const first = await auth.signUp(ada)
  const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
  await verifier.verify(second.accessToken)

  const replay = auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  await expect(replay).rejects.toMatchObject(refused)
  await expect(verifier.verify(second.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('refreshSession() ends no other session of the user when a token of one comes back', async () => {
  const { auth, clock } = await testHouse()
  const stolen = await auth.signUp(ada)
  const other = await auth.logIn(ada)
  await auth.refreshSession({ refreshToken: stolen.refreshToken, origin: ada.origin })
  clock.advance(60)
  await expect(auth.refreshSession({ refreshToken: stolen.refreshToken, origin: ada.origin })).rejects.toThrow()

  const next = await auth.refreshSession({ refreshToken: other.refreshToken, origin: ada.origin })

  expect(next.refreshToken).not.toBe(other.refreshToken)
})

test('refreshSession() answers two simultaneous uses with one and the same successor', async () => {
  const { auth } = await testHouse()
  const { refreshToken } = await auth.signUp(ada)
  const use = () => auth.refreshSession({ refreshToken, origin: ada.origin })

  const [one, other] = await Promise.all([use(), use()])

  expect(one.refreshToken).toBe(other.refreshToken)
})

test('refreshSession() answers a hundred simultaneous uses with one successor, which works [ASVS 2.3.4]', async () => {
  const { auth, clock } = await testHouse()
  const { refreshToken } = await auth.signUp(ada)

  const pairs = await Promise.all(
    Array.from({ length: 100 }, () => auth.refreshSession({ refreshToken, origin: ada.origin })),
  )

  const successors = new Set(pairs.map((pair) => pair.refreshToken))
  expect(successors.size).toBe(1)
  clock.advance(60)
  const [successor = ''] = successors
  await expect(auth.refreshSession({ refreshToken: successor, origin: ada.origin })).resolves.toBeDefined()
})

test('refreshSession() answers a token again until the last moment of the grace', async () => {
  const { auth, clock } = await testHouse()
  const { refreshToken } = await auth.signUp(ada)
  const first = await auth.refreshSession({ refreshToken, origin: ada.origin })
  clock.advance(9.999)

  const again = await auth.refreshSession({ refreshToken, origin: ada.origin })

  expect(again.refreshToken).toBe(first.refreshToken)
})

test('refreshSession() answers a predecessor within the grace with its own successor, used or not', async () => {
  const { auth } = await testHouse()
  const first = await auth.signUp(ada)
  const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
  const third = await auth.refreshSession({ refreshToken: second.refreshToken, origin: ada.origin })

  const again = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  expect(again.refreshToken).toBe(second.refreshToken)
  const onward = await auth.refreshSession({ refreshToken: again.refreshToken, origin: ada.origin })
  expect(onward.refreshToken).toBe(third.refreshToken)
})

test('refreshSession() with a REFRESH_REUSE_GRACE of 0 ends the session at the second use', async () => {
  const { auth } = await testHouse({ REFRESH_REUSE_GRACE: '0' })
  const first = await auth.signUp(ada)
  const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  const replay = auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  await expect(replay).rejects.toMatchObject(refused)
  const rightful = auth.refreshSession({ refreshToken: second.refreshToken, origin: ada.origin })
  await expect(rightful).rejects.toMatchObject(refused)
})

test('refreshSession() refuses a token that was idle for REFRESH_TOKEN_TTL [ASVS 7.3.1, NIST63B4-5.2, RFC9700-4.14.2f]', async () => {
  const { auth, clock } = await testHouse({ REFRESH_TOKEN_TTL: '7d' })
  const { refreshToken } = await auth.signUp(ada)
  clock.advance(7 * day)

  const late = auth.refreshSession({ refreshToken, origin: ada.origin })

  await expect(late).rejects.toMatchObject(refused)
})

test('refreshSession() takes a token one second before it was idle for too long', async () => {
  const { auth, clock } = await testHouse({ REFRESH_TOKEN_TTL: '7d' })
  const { refreshToken } = await auth.signUp(ada)
  clock.advance(7 * day - 1)

  const pair = await auth.refreshSession({ refreshToken, origin: ada.origin })

  expect(pair.refreshExpiresInSeconds).toBe(7 * day)
})

test('refreshSession() refuses at SESSION_TTL however often the session was refreshed [ASVS 7.3.2, ASVS 10.4.8, NIST63B4-5.2]', async () => {
  const { auth, clock } = await testHouse({ REFRESH_TOKEN_TTL: '7d', SESSION_TTL: '14d' })
  const first = await auth.signUp(ada)
  clock.advance(6 * day)
  const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
  clock.advance(6 * day)
  const third = await auth.refreshSession({ refreshToken: second.refreshToken, origin: ada.origin })
  clock.advance(2 * day)

  const late = auth.refreshSession({ refreshToken: third.refreshToken, origin: ada.origin })

  expect(third.refreshExpiresInSeconds).toBe(2 * day)
  await expect(late).rejects.toMatchObject(refused)
})

test('refreshSession() issues no access token that outlives its session [ASVS 7.3.2]', async () => {
  const { auth, clock, verifier } = await testHouse({ SESSION_TTL: '14d' })
  const first = await auth.signUp(ada)
  clock.advance(14 * day - 60)
  const last = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
  clock.advance(61)

  const verification = verifier.verify(last.accessToken)

  expect(last.expiresInSeconds).toBe(60)
  await expect(verification).rejects.toMatchObject({ code: 'AUTH_EXPIRED' })
})

test('refreshSession() refuses a disabled user, and does so again once the user is enabled [ASVS 7.4.2]', async () => {
  const { auth } = await testHouse()
  const { refreshToken } = await auth.signUp(ada)
  const operator = { emailOrId: ada.email, origin: originAt('local') }
  await auth.setUserActive({ ...operator, isActive: false })

  const whileDisabled = auth.refreshSession({ refreshToken, origin: ada.origin })

  await expect(whileDisabled).rejects.toMatchObject(refused)
  await auth.setUserActive({ ...operator, isActive: true })
  await expect(auth.refreshSession({ refreshToken, origin: ada.origin })).rejects.toMatchObject(refused)
})

test.each([
  ['empty', ''],
  ['of another shape', 'not a token'],
  ['unknown but well formed', `lkr_${'A'.repeat(43)}`],
  ['longer than any', `lkr_${'A'.repeat(44)}`],
  ['without its prefix', 'A'.repeat(43)],
])('refreshSession() refuses a token that is %s', async (_, refreshToken) => {
  const { auth } = await testHouse()
  await auth.signUp(ada)

  const attempt = auth.refreshSession({ refreshToken, origin: ada.origin })

  await expect(attempt).rejects.toMatchObject(refused)
})

test('refreshSession() takes no access token for a refresh token', async () => {
  const { auth } = await testHouse()
  const { accessToken } = await auth.signUp(ada)

  const attempt = auth.refreshSession({ refreshToken: accessToken, origin: ada.origin })

  await expect(attempt).rejects.toMatchObject(refused)
})

test('refreshSession() answers only the user whose token it is', async () => {
  const { auth } = await testHouse()
  await auth.signUp(ada)
  const { refreshToken, userId } = await auth.signUp(bob)

  const pair = await auth.refreshSession({ refreshToken, origin: ada.origin })

  expect(pair).toMatchObject({ userId, email: bob.email })
})

test('refreshSession() takes a token while a second is left of its session', async () => {
  const { auth, clock } = await testHouse({ SESSION_TTL: '60s' })
  const { refreshToken } = await auth.signUp(ada)
  clock.advance(59)

  const pair = await auth.refreshSession({ refreshToken, origin: ada.origin })

  expect(pair.expiresInSeconds).toBe(1)
})

test('refreshSession() refuses in the last second of a session, whose token would be dead on arrival', async () => {
  const { auth, clock } = await testHouse({ SESSION_TTL: '60s' })
  const { refreshToken } = await auth.signUp(ada)
  clock.advance(59.5)

  const refresh = auth.refreshSession({ refreshToken, origin: ada.origin })

  await expect(refresh).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
})

test.each([
  ['one', 1],
  ['twenty simultaneous', 20],
])(
  'refreshSession() ends one session at %s replays, writes it down, and leaves the other sessions alone [ASVS 10.4.5]',
  async (_, replays) => {
    const { auth, clock, verifier } = await testHouse()
    const first = await auth.signUp(ada)
    const other = await auth.logIn(ada)
    const second = await auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })
    clock.advance(60)

    const attempts = Array.from({ length: replays }, () =>
      auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin }),
    )
    const verdicts = await Promise.allSettled(attempts)

    const family = [first, second].map(({ accessToken }) => verifier.verify(accessToken))
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(verdicts.map(({ status }) => status)).toEqual(Array(replays).fill('rejected'))
    for (const token of family) await expect(token).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
    const rightful = auth.refreshSession({ refreshToken: second.refreshToken, origin: ada.origin })
    await expect(rightful).rejects.toMatchObject(refused)
    await expect(verifier.verify(other.accessToken)).resolves.toMatchObject({ user_id: other.userId })
    const again = await auth.refreshSession({ refreshToken: other.refreshToken, origin: ada.origin })
    const caller = await callerOf({ verifier }, again.accessToken)
    const { events } = await auth.listEvents({ caller, limit: 100, cursor: undefined })
    expect(events.filter(({ type }) => type === 'refresh_reused')).toHaveLength(1)
  },
)
