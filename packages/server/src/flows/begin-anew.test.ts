import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { markOfCopy } from '../storage/sqlite-upkeep.ts'
import { onSqlite } from '../testing/test-database.ts'
import { ada, bob, callerOf, originAt } from '../testing/test-house.ts'

const origin = originAt('local')

/** A house with two sessions, and what its database has to tell. */
async function houseWithSessions(settings: Record<string, string> = {}) {
  const house = await fileHouse(settings)
  const pairs = [await house.auth.signUp(ada), await house.auth.signUp(bob)]
  const reasons = () => house.database.rows('select revoked_reason from sessions')
  const restoreEvents = () => house.database.events().filter(({ event_type }) => event_type === 'database_restored')
  const markAsCopy = () => house.database.run(`pragma user_version = ${markOfCopy}`)
  return { ...house, pairs, reasons, restoreEvents, markAsCopy }
}

test('beginAnew() ends every session, says how many, and leaves a line', async () => {
  const house = await houseWithSessions()

  const ended = [await house.auth.beginAnew(origin), await house.auth.beginAnew(origin)]

  expect(ended).toEqual([2, 0])
  expect(house.reasons()).toEqual(Array(2).fill({ revoked_reason: 'database_restored' }))
  expect(house.restoreEvents()).toEqual(Array(2).fill(expect.objectContaining({ ip_address: 'local', success: 1 })))
  for (const pair of house.pairs) {
    const refresh = house.auth.refreshSession({ ...pair, origin })
    await expect(refresh).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
  }
})

test('beginAnew() numbers lists by the second and ends by the hundredth of a millisecond, beyond all that were given out', async () => {
  const house = await houseWithSessions()
  const now = house.clock.now()

  await house.auth.beginAnew(origin)

  const { accessToken } = await house.auth.logIn(ada)
  await house.auth.logOut({ caller: await callerOf(house, accessToken), scope: 'local', origin })
  const { status_list } = decodeJwt(accessToken)['status'] as { status_list: { uri: string } }
  expect(status_list.uri).toMatch(new RegExp(`/${now / 1000}$`))
  expect(house.database.rows('select sequence from revocations')).toEqual([{ sequence: now * 100 + 1 }])
})

test.each([
  ['session', { SESSION_TTL: '2d', ACCESS_TOKEN_TTL: '1d' }],
  ['access token', { SESSION_TTL: '1d', ACCESS_TOKEN_TTL: '2d' }],
])('beginAnew() names its list, below which all are over, for as long as a %s may live', async (_, settings) => {
  const house = await houseWithSessions(settings)

  await house.auth.beginAnew(origin)

  const lists = house.database.rows('select expires_at from status_lists')
  expect(lists).toEqual([{ expires_at: house.clock.now() + 2 * 86_400_000 }])
})

onSqlite(
  'beginAnewOnCopy() begins anew once where the database is a backup, though two processes start on it',
  async () => {
    const house = await houseWithSessions()
    house.markAsCopy()

    const outcomes = await Promise.all([house.auth.beginAnewOnCopy(origin), house.auth.beginAnewOnCopy(origin)])

    expect(outcomes.toSorted()).toEqual([false, true])
    expect(house.reasons()).toEqual(Array(2).fill({ revoked_reason: 'database_restored' }))
    expect(house.restoreEvents()).toHaveLength(1)
  },
)

test('beginAnewOnCopy() leaves a database alone that is no backup', async () => {
  const house = await houseWithSessions()
  const before = house.database.version()

  const isDone = await house.auth.beginAnewOnCopy(origin)

  expect(isDone).toBe(false)
  expect(house.database.version()).toBe(before)
})
