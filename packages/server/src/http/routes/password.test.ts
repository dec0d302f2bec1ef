import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/database-file.ts'
import { ada, testHouse } from '../../testing/test-house.ts'

const path = '/api/auth/password'
const credentials = { email: ada.email, password: ada.password }
const newPassword = 'AnotherGood1'
const change = { current_password: ada.password, new_password: newPassword }

/** Ada with two sessions: the one that asks, and another. */
async function houseWithAda(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  const tokens = (await house.request('/api/auth/signup', { body: credentials })).json()
  const other = (await house.request('/api/auth/login', { body: credentials })).json()
  const logIn = async (password: string, address = '192.0.2.50') =>
    (await house.request('/api/auth/login', { body: { ...credentials, password }, address })).status
  return { ...house, tokens, other, logIn }
}

test('POST /api/auth/password changes the password: the new one logs in, the old one does not [ASVS 6.2.2, ASVS 7.5.1]', async () => {
  const { request, tokens, logIn } = await houseWithAda()

  const answer = await request(path, { body: change, token: tokens.token })

  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ message: 'Password changed' })
  expect(answer.headers.getSetCookie()).toEqual([])
  expect(await logIn(newPassword)).toBe(200)
  expect(await logIn(ada.password)).toBe(401)
})

test('POST /api/auth/password ends all other sessions, and leaves the one that asked [ASVS 7.4.3]', async () => {
  const { request, tokens, other } = await houseWithAda()

  await request(path, { body: change, token: tokens.token })

  const afterwards = await request('/api/auth/me', { token: other.token })
  expect(afterwards.json().error.code).toBe('AUTH_REVOKED')
  expect((await request('/api/auth/me', { token: tokens.token })).status).toBe(200)
  const kept = await request('/api/auth/refresh', { body: { refresh_token: tokens.refresh_token } })
  expect(kept.status).toBe(200)
})

test('a change of password, and a logout, make refresh tokens void at once [RFC9700-4.14.2e]', async () => {
  const { request, tokens, other } = await houseWithAda()
  const refresh = (pair: { refresh_token: string }) =>
    request('/api/auth/refresh', { body: { refresh_token: pair.refresh_token } })

  await request(path, { body: change, token: tokens.token })
  const afterChange = await refresh(other)
  await request('/api/auth/logout', { method: 'POST', token: tokens.token })
  const afterLogout = await refresh(tokens)

  expect([afterChange, afterLogout].map(({ status }) => status)).toEqual([401, 401])
  expect(afterChange.json().error.code).toBe('AUTH_REFRESH_INVALID')
  expect(afterLogout.json().error.code).toBe('AUTH_REFRESH_INVALID')
})

test.each<[string, object, number, string]>([
  ['wrong', { ...change, current_password: 'WrongPass123' }, 401, 'AUTH_FAILED'],
  ['left out', { new_password: newPassword }, 400, 'VALIDATION_ERROR'],
  ['empty', { ...change, current_password: '' }, 400, 'VALIDATION_ERROR'],
  ['null', { ...change, current_password: null }, 400, 'VALIDATION_ERROR'],
  ['a list', { ...change, current_password: [ada.password] }, 400, 'VALIDATION_ERROR'],
  ['in another case', { ...change, current_password: 'securepass123' }, 401, 'AUTH_FAILED'],
  ['beyond 1,024 bytes', { ...change, current_password: 'x'.repeat(1025) }, 400, 'VALIDATION_ERROR'],
])(
  'POST /api/auth/password with a current password that is %s changes nothing [ASVS 6.2.3, ASVS 7.5.1]',
  async (_, body, status, code) => {
    const { request, tokens, other, logIn } = await houseWithAda()

    const answer = await request(path, { body, token: tokens.token })

    expect(answer.status).toBe(status)
    expect(answer.json().error.code).toBe(code)
    expect(await logIn(ada.password)).toBe(200)
    expect(await logIn(newPassword)).toBe(401)
    expect((await request('/api/auth/me', { token: other.token })).status).toBe(200)
  },
)

test('POST /api/auth/password tells of a wrong current password what a failed login tells, and nothing more', async () => {
  const { request, tokens } = await houseWithAda()

  const answer = await request(path, { body: { ...change, current_password: 'WrongPass123' }, token: tokens.token })

  const expected = { code: 'AUTH_FAILED', message: 'Invalid credentials', details: null }
  expect(answer.json().error).toStrictEqual(expected)
  expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"')
})

test('wrong current passwords count towards the login limit of their address [ASVS 6.2.3]', async () => {
  const { request, tokens, logIn } = await houseWithAda({ RATE_LIMIT_LOGIN: '5/minute' })
  const guess = (number: number) => {
    const body = { ...change, current_password: `WrongPass${number}` }
    return request(path, { body, token: tokens.token, address: '198.51.100.1' })
  }
  const statuses = [await guess(1), await guess(2), await guess(3), await guess(4), await guess(5)]

  const sixth = await guess(6)

  expect(statuses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401])
  expect(sixth.status).toBe(429)
  expect(sixth.headers.get('ratelimit-policy')).toBe('"login";q=5;w=60')
  expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await logIn(ada.password, '198.51.100.1')).toBe(429)
})

test('wrong current passwords from strange networks count towards the login limit of the account [ASVS 6.2.3]', async () => {
  const { request, tokens, logIn } = await houseWithAda({ RATE_LIMIT_ACCOUNT: '2/hour' })
  const body = { ...change, current_password: 'WrongPass123' }
  await request(path, { body, token: tokens.token, address: '198.51.100.1' })
  await request(path, { body, token: tokens.token, address: '198.51.100.2' })

  const third = await request(path, { body: change, token: tokens.token, address: '198.51.100.3' })

  expect(third.status).toBe(429)
  expect(third.headers.get('ratelimit-policy')).toBe('"account";q=2;w=3600')
  expect(await logIn(ada.password, '198.51.100.4')).toBe(429)
  expect(await logIn(ada.password, '192.0.2.1')).toBe(200)
})

test('POST /api/auth/password refuses the current password as the new one, and says so [ASVS 2.2.3]', async () => {
  const { request, tokens, other } = await houseWithAda()

  const answer = await request(path, { body: { ...change, new_password: ada.password }, token: tokens.token })

  expect(answer.status).toBe(400)
  expect(answer.json().error).toStrictEqual({
    code: 'VALIDATION_PASSWORD',
    message: 'Password does not meet requirements',
    details: [{ field: 'new_password', issue: 'Must differ from the current password' }],
  })
  expect((await request('/api/auth/me', { token: other.token })).status).toBe(200)
})

test('a new password like the one that was sent as current is refused whether or not that is right', async () => {
  const { request, tokens } = await houseWithAda()
  const same = (password: string) => ({ current_password: password, new_password: password })

  const right = await request(path, { body: same(ada.password), token: tokens.token })
  const wrong = await request(path, { body: same('WrongPass123'), token: tokens.token })

  expect(wrong.json().error).toStrictEqual(right.json().error)
})

test.each(['signup', 'password'])(
  'POST /api/auth/%s refuses a password of 7 characters, whatever the settings [ASVS 6.2.1]',
  async (route) => {
    const { request, tokens } = await houseWithAda()
    const short = 'Abcde12'
    const body = route === 'signup' ? { email: 'eve@example.com', password: short } : { ...change, new_password: short }

    const answer = await request(`/api/auth/${route}`, { body, token: tokens.token })

    expect(answer.status).toBe(400)
    expect(answer.json().error.code).toBe('VALIDATION_PASSWORD')
    expect(answer.json().error.details).toEqual([
      { field: route === 'signup' ? 'password' : 'new_password', issue: 'Must have at least 8 characters' },
    ])
  },
)

test('PASSWORD_POLICY=nist asks 15 characters of a new password too [ASVS 6.2.1]', async () => {
  const { request, auth } = await testHouse({ PASSWORD_POLICY: 'nist' })
  const password = 'correct horse battery'
  const { accessToken: token } = await auth.signUp({ ...ada, password })

  const short = await request(path, { body: { current_password: password, new_password: 'x'.repeat(14) }, token })
  const long = await request(path, { body: { current_password: password, new_password: 'a new passphrase' }, token })

  expect(short.json().error.details).toEqual([{ field: 'new_password', issue: 'Must have at least 15 characters' }])
  expect(long.status).toBe(200)
})

test('signup and change of password refuse what stands in the file of PASSWORD_BLOCKLIST [ASVS 6.2.12]', async () => {
  const file = join(temporaryFolder(), 'breached.txt')
  writeFileSync(file, 'Breached2026\n')
  const { request, tokens } = await houseWithAda({ PASSWORD_BLOCKLIST: file })

  const answers = [
    await request('/api/auth/signup', { body: { email: 'eve@example.com', password: 'Breached2026' } }),
    await request(path, { body: { ...change, new_password: 'Breached2026' }, token: tokens.token }),
  ]

  for (const answer of answers) {
    expect(answer.status).toBe(400)
    expect(answer.json().error.code).toBe('VALIDATION_PASSWORD')
    expect(answer.json().error.details[0].issue).toBe('Is on the list of common passwords: choose another')
  }
})

test('a PASSWORD_BLOCKLIST that cannot be read stops the start: no password goes unchecked [ASVS 6.2.12]', async () => {
  const starting = testHouse({ PASSWORD_BLOCKLIST: '/nowhere/breached.txt' })

  await expect(starting).rejects.toThrow('Cannot read PASSWORD_BLOCKLIST "/nowhere/breached.txt"')
})

test.each<[string, unknown]>([
  ['left out', undefined],
  ['empty', ''],
  ['a number', 12345678],
  ['an object', { $ne: '' }],
])('POST /api/auth/password refuses a new password that is %s, and names the field', async (_, value) => {
  const { request, tokens } = await houseWithAda()

  const answer = await request(path, { body: { ...change, new_password: value }, token: tokens.token })

  expect(answer.status).toBe(400)
  expect(answer.json().error.details).toEqual([{ field: 'new_password', issue: expect.any(String) }])
})

test('POST /api/auth/password without a token changes nothing', async () => {
  const { request, logIn } = await houseWithAda()

  const answer = await request(path, { body: change })

  expect(answer.json().error.code).toBe('AUTH_MISSING')
  expect(await logIn(ada.password)).toBe(200)
})

test.each<[string, Record<string, string>]>([
  ['the Origin of another site', { origin: 'https://evil.example' }],
  ['a Sec-Fetch-Site of cross-site', { 'sec-fetch-site': 'cross-site' }],
])('POST /api/auth/password by cookie with %s is refused, and nothing is done [ASVS 3.5.1]', async (_, headers) => {
  const { request, tokens, logIn } = await houseWithAda()
  const cookie = `auth-token=${tokens.token}`

  const answer = await request(path, { body: change, headers: { cookie, ...headers } })

  expect(answer.status).toBe(403)
  expect(answer.json().error.code).toBe('AUTH_FORBIDDEN')
  expect(await logIn(ada.password)).toBe(200)
})

test('POST /api/auth/password takes the cookie of the own site', async () => {
  const { request, tokens, logIn } = await houseWithAda()
  const headers = { cookie: `auth-token=${tokens.token}`, origin: 'http://localhost:8000' }

  const answer = await request(path, { body: change, headers })

  expect(answer.status).toBe(200)
  expect(await logIn(newPassword)).toBe(200)
})

test('POST /api/auth/password writes neither password into log or audit log', async () => {
  const { request, tokens, lines } = await houseWithAda()
  await request(path, { body: { ...change, current_password: 'WrongPass123' }, token: tokens.token })
  await request(path, { body: change, token: tokens.token })

  const events = await request('/api/auth/events', { token: tokens.token })

  const types = events.json().data.map(({ event_type }: { event_type: string }) => event_type)
  expect(types.slice(0, 2)).toEqual(['password_changed', 'password_change_failed'])
  for (const secret of [ada.password, newPassword, 'WrongPass123']) {
    expect(JSON.stringify(lines) + events.text).not.toContain(secret)
  }
})
