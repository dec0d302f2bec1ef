import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, bob, originAt, testHouse } from '../testing/test-house.ts'

test('signUp() makes one account of a hundred signups of one email at once, and refuses the others as taken [ASVS 2.3.4]', async () => {
  const { auth, database } = await fileHouse()
  const signUp = () =>
    auth.signUp(ada).then(
      () => 'signed up',
      (refusal) => refusal.code,
    )

  const outcomes = await Promise.all(Array.from({ length: 100 }, signUp))

  expect(outcomes.filter((outcome) => outcome === 'signed up')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 'CONFLICT_EMAIL')).toHaveLength(99)
  expect(database.rows('select id from users')).toHaveLength(1)
  expect(database.rows('select id from sessions')).toHaveLength(1)
})

test('signUp() makes one account where two servers on one database are asked at once', async () => {
  const here = await fileHouse()
  const there = await testHouse({ DATABASE_URL: here.databaseUrl })

  const outcomes = await Promise.allSettled([here.auth.signUp(ada), there.auth.signUp(ada)])

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const refusal = outcomes.find((outcome) => outcome.status === 'rejected')
  expect(refusal?.reason).toMatchObject({ code: 'CONFLICT_EMAIL' })
})

test('signUp() lets different people sign up at once', async () => {
  const { auth } = await testHouse()

  const [one, other] = await Promise.all([auth.signUp(ada), auth.signUp(bob)])

  expect(one.email).toBe(ada.email)
  expect(other.email).toBe(bob.email)
})

test('signUp() lets an email be tried again after a refusal', async () => {
  const { auth } = await testHouse()
  await expect(auth.signUp({ ...ada, password: 'weak' })).rejects.toMatchObject({ code: 'VALIDATION_PASSWORD' })

  const pair = await auth.signUp(ada)

  expect(pair.email).toBe(ada.email)
})

test.each(['ADA@Example.COM', '  ada@example.com\n', 'Ada@EXAMPLE.com'])(
  'signUp() takes %j for the address that is there already',
  async (spelling) => {
    const { auth } = await testHouse()
    await auth.signUp(ada)

    const attempt = auth.signUp({ ...bob, email: spelling })

    await expect(attempt).rejects.toMatchObject({ code: 'CONFLICT_EMAIL' })
  },
)

test('signUp() leaves the account of a taken email as it was', async () => {
  const { auth } = await testHouse()
  await auth.signUp(ada)
  await expect(auth.signUp({ ...ada, password: bob.password })).rejects.toMatchObject({ code: 'CONFLICT_EMAIL' })

  const pair = await auth.logIn(ada)

  expect(pair.email).toBe(ada.email)
})

test('signUp() stores neither the password nor a token [NIST63B4-3.1.1.2-store]', async () => {
  const { auth, database } = await fileHouse()
  const { accessToken, refreshToken } = await auth.signUp(ada)

  const stored = JSON.stringify([
    database.rows('select * from users'),
    database.rows('select * from sessions'),
    database.rows('select * from refresh_tokens'),
    database.events(),
  ])

  expect(stored).toContain('$2b$04$')
  for (const secret of [ada.password, accessToken, refreshToken]) expect(stored).not.toContain(secret)
})

test('signUp() begins a session that lasts as long as the settings say', async () => {
  const { auth } = await testHouse({ ACCESS_TOKEN_TTL: '15m', REFRESH_TOKEN_TTL: '2h' })

  const pair = await auth.signUp({ ...ada, origin: originAt('2001:db8::1') })

  expect(pair).toMatchObject({ expiresInSeconds: 900, refreshExpiresInSeconds: 7200 })
})
