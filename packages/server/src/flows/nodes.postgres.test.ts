import { expect, test } from 'vitest'
import { freshDatabase, lookInto } from '../testing/test-database.ts'
import { ada, callerOf, testHouse } from '../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }

/** Two nodes on one database. */
async function twoHouses(settings: Record<string, string> = {}) {
  const url = await freshDatabase()
  const [here, there] = [
    await testHouse({ DATABASE_URL: url, ...settings }),
    await testHouse({ DATABASE_URL: url, ...settings }),
  ]
  return { here, there, both: [here, there], database: lookInto(url) }
}

type House = Awaited<ReturnType<typeof testHouse>>

/** The statuses of as many requests at once, at both nodes by turns. */
async function byTurns(
  houses: House[],
  count: number,
  ask: (house: House, turn: number) => ReturnType<House['request']>,
) {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, turn) => ask(houses[turn % houses.length] as House, turn)),
  )
  return answers.map(({ status }) => status).toSorted()
}

test('two nodes let five logins a minute pass in all from one address, and a flood of blocked ones asks no database', async () => {
  const { both, database } = await twoHouses({ RATE_LIMIT_LOGIN: '' })
  const logIn = (house: House) => house.request('/api/auth/login', { body: credentials })

  const statuses = await byTurns(both, 20, logIn)
  database.run('alter table attempts rename to gone')
  const flood = await byTurns(both, 200, logIn)

  expect(statuses).toEqual([...Array.from({ length: 5 }, () => 401), ...Array.from({ length: 15 }, () => 429)])
  expect(new Set(flood)).toEqual(new Set([429]))
})

test('two nodes let ten guesses at one account pass in all, from whatever addresses', async () => {
  const { both } = await twoHouses({ RATE_LIMIT_ACCOUNT: '' })

  const statuses = await byTurns(both, 16, (house, turn) =>
    house.request('/api/auth/login', { body: credentials, address: `198.51.100.${turn}` }),
  )

  expect(statuses.filter((status) => status === 401)).toHaveLength(10)
})

test('two nodes let five signups a minute pass in all from one address', async () => {
  const { both, database } = await twoHouses({ RATE_LIMIT_SIGNUP: '' })

  await byTurns(both, 12, (house, turn) =>
    house.request('/api/auth/signup', { body: { ...credentials, email: `user${turn}@example.com` } }),
  )

  expect(database.rows('select email from users')).toHaveLength(5)
})

test('two nodes let as many requests pass in all as RATE_LIMIT_GLOBAL says', async () => {
  const { both } = await twoHouses({ RATE_LIMIT_GLOBAL: '10/minute' })

  const statuses = await byTurns(both, 16, (house) => house.request('/api/auth/me'))

  expect(statuses.filter((status) => status === 401)).toHaveLength(10)
})

test('refreshSession() at two nodes at once answers with one and the same successor', async () => {
  const { here, both, database } = await twoHouses()
  const { refreshToken } = await here.auth.signUp(ada)

  const pairs = await Promise.all(
    Array.from({ length: 20 }, (_, turn) =>
      (both[turn % 2] as House).auth.refreshSession({ refreshToken, origin: ada.origin }),
    ),
  )

  expect(new Set(pairs.map((pair) => pair.refreshToken)).size).toBe(1)
  expect(database.rows('select digest from refresh_tokens')).toHaveLength(2)
})

test('logOut() at two nodes at once ends the session once, with one line and one number', async () => {
  const { here, there, both, database } = await twoHouses()
  const { accessToken } = await here.auth.signUp(ada)
  const caller = await callerOf(there, accessToken)

  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, (_, turn) =>
      (both[turn % 2] as House).auth.logOut({ caller, scope: 'local', origin: ada.origin }),
    ),
  )

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(database.rows('select sequence from revocations')).toHaveLength(1)
  expect(database.events().filter(({ event_type }) => event_type === 'logout')).toHaveLength(1)
})

test('changePassword() at one node leaves no session that the old password opened at another meanwhile', async () => {
  const { here, there, database } = await twoHouses()
  const { accessToken } = await here.auth.signUp(ada)
  const caller = await callerOf(here, accessToken)
  const change = { caller, currentPassword: ada.password, newPassword: 'Another-Good-One-7', origin: ada.origin }

  const outcomes = await Promise.allSettled([
    ...Array.from({ length: 6 }, () => there.auth.logIn(ada)),
    here.auth.changePassword(change),
    ...Array.from({ length: 6 }, () => there.auth.logIn(ada)),
  ])

  const live = database.rows<{ id: string }>('select id from sessions where revoked_at is null')
  expect(outcomes[6]).toMatchObject({ status: 'fulfilled' })
  expect(live).toEqual([{ id: caller.sessionId }])
  await expect(there.auth.logIn(ada)).rejects.toMatchObject({ code: 'AUTH_FAILED' })
})
