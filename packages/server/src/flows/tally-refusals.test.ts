import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { newId } from '../crypto/secrets.ts'
import type { UserId } from '../domain/user.ts'
import { ada, originAt } from '../testing/test-house.ts'

test('a limit that is reached leaves one line for its window and key, with a count [ASVS 16.3.3]', async () => {
  const { auth, database, refusals } = await fileHouse({ RATE_LIMIT_LOGIN: '1/minute' })
  const attempt = (address: string) => auth.logIn({ ...ada, origin: originAt(address) }).catch(() => undefined)
  for (let number = 0; number < 4; number++) await attempt('198.51.100.1')
  for (let number = 0; number < 2; number++) await attempt('198.51.100.2')

  await refusals.flush()

  const limited = database.events().filter(({ event_type }) => event_type === 'rate_limited')
  expect(limited).toEqual([
    expect.objectContaining({ ip_address: '198.51.100.1', success: 0, failure_reason: 'login', count: 3 }),
    expect.objectContaining({ ip_address: '198.51.100.2', success: 0, failure_reason: 'login', count: 1 }),
  ])
})

test('a limit that is reached again within its window adds to the same line', async () => {
  const { auth, database, refusals } = await fileHouse({ RATE_LIMIT_LOGIN: '1/hour' })
  const attempt = () => auth.logIn(ada).catch(() => undefined)
  for (let number = 0; number < 2; number++) await attempt()
  await refusals.flush()
  await attempt()

  await refusals.flush()

  const limited = database.events().filter(({ event_type }) => event_type === 'rate_limited')
  expect(limited.map(({ count }) => count)).toEqual([2])
})

test('the account limit leaves its line in the log of the owner', async () => {
  const { auth, database, refusals } = await fileHouse({ RATE_LIMIT_ACCOUNT: '1/hour' })
  const { userId } = await auth.signUp(ada)
  for (const address of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) {
    await expect(auth.logIn({ ...ada, password: 'WrongPass123', origin: originAt(address) })).rejects.toThrow()
  }

  await refusals.flush()

  const limited = database.events().filter(({ event_type }) => event_type === 'rate_limited')
  expect(limited).toEqual([expect.objectContaining({ user_id: userId, failure_reason: 'account', count: 2 })])
})

test('a forged token is counted by the network that sent it [ASVS 16.3.2, ASVS 16.3.3]', async () => {
  const { auth, database, refusals, request } = await fileHouse()
  const { accessToken } = await auth.signUp(ada)
  const forged = `${accessToken.slice(0, -8)}AAAAAAAA`
  for (let number = 0; number < 3; number++) await request('/api/auth/me', { token: forged })

  await refusals.flush()

  expect(database.events().slice(1)).toEqual([
    expect.objectContaining({ event_type: 'token_forged', user_id: null, failure_reason: 'AUTH_INVALID', count: 3 }),
  ])
})

test('a request without a token is counted apart from a forged one [ASVS 16.3.2]', async () => {
  const { database, refusals, request } = await fileHouse()
  await request('/api/auth/me')
  await request('/api/auth/me', { token: 'no token' })

  await refusals.flush()

  const kinds = database.events().map(({ event_type, failure_reason }) => [event_type, failure_reason])
  expect(kinds).toEqual([
    ['token_refused', 'AUTH_MISSING'],
    ['token_forged', 'AUTH_INVALID'],
  ])
})

test('refresh tokens that are none are counted, and so is none at all [ASVS 16.3.2]', async () => {
  const { database, refusals, request } = await fileHouse()
  await request('/api/auth/refresh', { body: { refresh_token: `lkr_${'A'.repeat(43)}` } })
  await request('/api/auth/refresh', { body: { refresh_token: 'none' } })
  await request('/api/auth/refresh', { method: 'POST' })

  await refusals.flush()

  expect(database.events()).toEqual([
    expect.objectContaining({ event_type: 'refresh_failed', failure_reason: 'AUTH_REFRESH_INVALID', count: 3 }),
  ])
})

test('a refresh token that comes back leaves its own line and no other [ASVS 16.3.1]', async () => {
  const { auth, clock, database, refusals, request } = await fileHouse()
  const { refreshToken } = await auth.signUp(ada)
  await request('/api/auth/refresh', { body: { refresh_token: refreshToken } })
  clock.advance(60)
  await request('/api/auth/refresh', { body: { refresh_token: refreshToken } })

  await refusals.flush()

  const types = database.events().map(({ event_type }) => event_type)
  expect(types).toEqual(['signup', 'refresh', 'refresh_reused'])
})

test('refusals of one /64 are counted on one line', async () => {
  const { database, refusals, request } = await fileHouse()
  await request('/api/auth/me', { address: '2001:db8:1:2::1' })
  await request('/api/auth/me', { address: '2001:db8:1:2:ffff::9' })
  await request('/api/auth/me', { address: '2001:db8:1:3::1' })

  await refusals.flush()

  expect(database.events().map(({ count }) => count)).toEqual([2, 1])
})

test('an oversized body is counted [ASVS 16.3.3]', async () => {
  const { database, refusals, request } = await fileHouse()
  await request('/api/auth/login', { body: `"${'x'.repeat(16 * 1024)}"`, headers: { 'content-length': '16386' } })

  await refusals.flush()

  expect(database.events()).toEqual([
    expect.objectContaining({ event_type: 'request_refused', failure_reason: 'PAYLOAD_TOO_LARGE' }),
  ])
})

test('refusals that cannot be written are told to the log, and the server goes on', async () => {
  const { database, refusals, request, lines } = await fileHouse()
  database.breakWrites('insert on auth_events')
  await request('/api/auth/me')

  await refusals.flush()

  expect(lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
    'Refusals were not written to the audit log',
  ])
})

test('what was counted is written when the server closes', async () => {
  const { database, request, close } = await fileHouse()
  await request('/api/auth/me')

  await close()

  expect(database.events()).toHaveLength(1)
})

test('a flood of addresses shares a line that names nobody', async () => {
  const house = await fileHouse()
  for (let at = 0; at < 10_000; at++) house.refusals.count(originAt(`network ${at}`), { type: 'rate_limited' })
  const userId = newId() as UserId

  house.refusals.count(originAt('one more'), { type: 'rate_limited', userId })

  await house.refusals.flush()
  const shared = house.database.events().at(-1)
  expect(shared).toMatchObject({ user_id: null, ip_address: 'many', user_agent: '', count: 1 })
})
