import { expect, test } from 'vitest'
import { ada, bob, callerOf, originAt, testHouse } from '../testing/test-house.ts'

const operator = originAt('local')

test('createUser() makes an account that can log in and has no session yet', async () => {
  const { auth } = await testHouse()

  const user = await auth.createUser({ ...ada, origin: operator })

  expect(user).toMatchObject({ email: ada.email, isActive: true, lastLoginAt: undefined })
  expect((await auth.logIn(ada)).userId).toBe(user.id)
})

test('createUser() holds operators to the password policy', async () => {
  const { auth } = await testHouse()

  const attempt = auth.createUser({ email: ada.email, password: 'weak', origin: operator })

  await expect(attempt).rejects.toMatchObject({ code: 'VALIDATION_PASSWORD' })
})

test('createUser() refuses an email that is taken', async () => {
  const { auth } = await testHouse()
  await auth.signUp(ada)

  const attempt = auth.createUser({ ...bob, email: 'ADA@example.com', origin: operator })

  await expect(attempt).rejects.toMatchObject({ code: 'CONFLICT_EMAIL' })
})

test('setUserActive() ends every session of a user who is disabled [ASVS 7.4.2]', async () => {
  const { auth, verifier } = await testHouse()
  const first = await auth.signUp(ada)
  const second = await auth.logIn(ada)

  await auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: operator })

  await expect(verifier.verify(first.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  await expect(verifier.verify(second.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('setUserActive() shuts a disabled user out until it is enabled again', async () => {
  const { auth } = await testHouse()
  const { userId } = await auth.signUp(ada)
  await auth.setUserActive({ emailOrId: userId, isActive: false, origin: operator })
  await expect(auth.logIn(ada)).rejects.toMatchObject({ code: 'AUTH_FAILED' })

  await auth.setUserActive({ emailOrId: userId, isActive: true, origin: operator })

  expect((await auth.logIn(ada)).userId).toBe(userId)
})

test('setUserActive() leaves ended sessions ended when a user is enabled again', async () => {
  const house = await testHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const caller = await callerOf(house, accessToken)
  await house.auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: operator })

  await house.auth.setUserActive({ emailOrId: ada.email, isActive: true, origin: operator })

  await expect(house.auth.readProfile(caller)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('setUserActive() shuts out a login whose password was being checked while the user was disabled', async () => {
  const { auth, verifier } = await testHouse({ BCRYPT_COST: '10' })
  await auth.signUp(ada)
  const login = auth.logIn(ada).then(
    ({ accessToken }) => verifier.verify(accessToken),
    (refusal) => refusal,
  )

  await auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: operator })

  expect(await login).toMatchObject({ code: 'AUTH_FAILED' })
})

test('setUserActive() says whether anything changed', async () => {
  const { auth } = await testHouse()
  await auth.signUp(ada)
  const disable = () => auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: operator })

  expect(await disable()).toBe(true)
  expect(await disable()).toBe(false)
})

test('setUserActive() refuses a user who is not there', async () => {
  const { auth } = await testHouse()

  const attempt = auth.setUserActive({ emailOrId: 'nobody@example.com', isActive: false, origin: operator })

  await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('endSessionsOf() ends every session of one user, who may log in again [ASVS 7.4.5]', async () => {
  const { auth, verifier } = await testHouse()
  const [first, second, bobs] = [await auth.signUp(ada), await auth.logIn(ada), await auth.signUp(bob)]
  await verifier.verify(first.accessToken)

  const count = await auth.endSessionsOf({ emailOrId: ada.email, origin: operator })

  expect(count).toBe(2)
  await expect(verifier.verify(first.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  const refresh = auth.refreshSession({ ...second, origin: ada.origin })
  await expect(refresh).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
  await expect(verifier.verify(bobs.accessToken)).resolves.toBeDefined()
  await expect(auth.logIn(ada)).resolves.toBeDefined()
})

test('endSessionsOf() finds a user by id, and answers 0 where nobody is signed in', async () => {
  const { auth } = await testHouse()
  const { id } = await auth.createUser({ ...ada, origin: operator })

  const count = await auth.endSessionsOf({ emailOrId: id, origin: operator })

  expect(count).toBe(0)
})

test('endSessionsOf() refuses a user who is not there', async () => {
  const { auth } = await testHouse()

  const attempt = auth.endSessionsOf({ emailOrId: 'nobody@example.com', origin: operator })

  await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test.each(['ada@example.com', ' ADA@example.com '])('showUser() finds a user by the email %j', async (email) => {
  const { auth } = await testHouse()
  const { userId } = await auth.signUp(ada)

  const user = await auth.showUser(email)

  expect(user.id).toBe(userId)
})

test('showUser() and listUsers() never tell a password hash', async () => {
  const { auth } = await testHouse()
  const { userId } = await auth.signUp(ada)

  const told = JSON.stringify([await auth.showUser(userId), await auth.listUsers({ afterEmail: undefined, limit: 9 })])

  expect(told).not.toMatch(/\$2b\$|hash/i)
})

test('listUsers() gives pages in the order of emails', async () => {
  const { auth } = await testHouse()
  await auth.signUp(bob)
  await auth.signUp(ada)

  const first = await auth.listUsers({ afterEmail: undefined, limit: 1 })
  const second = await auth.listUsers({ afterEmail: first.at(-1)?.email, limit: 1 })

  expect([...first, ...second].map(({ email }) => email)).toEqual([ada.email, bob.email])
})
