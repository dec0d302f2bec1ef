import { expect, test } from 'vitest'
import { fileHouse } from '../../../test/database-file.ts'
import { ada, bob, callerOf, testHouse } from '../../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }
const nobody = '00000000-0000-4000-8000-000000000000'

/** Ada with two sessions at two addresses, and Bob with one. */
async function houseWithSessions() {
  const house = await testHouse()
  const signUp = { body: credentials, headers: { 'user-agent': 'laptop' } }
  const own = (await house.request('/api/auth/signup', signUp)).json()
  house.clock.advance(60)
  const logIn = { body: credentials, headers: { 'user-agent': 'phone' }, address: '203.0.113.7' }
  const other = (await house.request('/api/auth/login', logIn)).json()
  const bobs = (await house.request('/api/auth/signup', { body: { email: bob.email, password: bob.password } })).json()
  const idOf = async (tokens: { token: string }) => (await callerOf(house, tokens.token)).sessionId
  const [ownId, otherId, bobsId] = [await idOf(own), await idOf(other), await idOf(bobs)]
  const end = (id: string, options: object = { token: own.token }) =>
    house.request(`/api/auth/sessions/${id}`, { method: 'DELETE', ...options })
  return { ...house, own, other, bobs, ownId, otherId, bobsId, end }
}

test('GET /api/auth/sessions lists the own live sessions, the newest use first, and says which one asks', async () => {
  const { request, clock, own, ownId, otherId } = await houseWithSessions()

  const answer = await request('/api/auth/sessions', { token: own.token })

  const now = clock.now()
  const instant = (milliseconds: number) => new Date(milliseconds).toISOString()
  const month = 30 * 86_400_000
  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({
    data: [
      {
        id: otherId,
        user_agent: 'phone',
        ip_address: '203.0.113.7',
        created_at: instant(now),
        last_used_at: instant(now),
        expires_at: instant(now + month),
        current: false,
      },
      {
        id: ownId,
        user_agent: 'laptop',
        ip_address: '192.0.2.1',
        created_at: instant(now - 60_000),
        last_used_at: instant(now - 60_000),
        expires_at: instant(now - 60_000 + month),
        current: true,
      },
    ],
    meta: { timestamp: instant(now), count: 2 },
  })
})

test('GET /api/auth/sessions shows a refresh as the newest use, and no session that has ended', async () => {
  const { request, clock, own, ownId, otherId, end } = await houseWithSessions()
  clock.advance(60)
  await request('/api/auth/refresh', { body: { refresh_token: own.refresh_token } })
  const ids = async () => {
    const { data } = (await request('/api/auth/sessions', { token: own.token })).json()
    return data.map(({ id }: { id: string }) => id)
  }

  const before = await ids()
  await end(otherId)
  const after = await ids()

  expect(before).toEqual([ownId, otherId])
  expect(after).toEqual([ownId])
})

test('GET /api/auth/sessions never shows the sessions of another user [ASVS 8.4.1]', async () => {
  const { request, bobs, bobsId, ownId, otherId } = await houseWithSessions()

  const answer = await request('/api/auth/sessions', { token: bobs.token })

  expect(answer.json().data).toEqual([expect.objectContaining({ id: bobsId, current: true })])
  for (const id of [ownId, otherId]) expect(answer.text).not.toContain(id)
})

test('DELETE /api/auth/sessions/{id} ends another session: its tokens are refused from then on [ASVS 10.4.9]', async () => {
  const { request, own, other, otherId, end } = await houseWithSessions()

  const answer = await end(otherId)

  expect(answer.status).toBe(200)
  expect(answer.json()).toStrictEqual({ message: 'Session ended' })
  expect(answer.headers.getSetCookie()).toEqual([])
  expect((await request('/api/auth/me', { token: other.token })).json().error.code).toBe('AUTH_REVOKED')
  const refresh = await request('/api/auth/refresh', { body: { refresh_token: other.refresh_token } })
  expect(refresh.json().error.code).toBe('AUTH_REFRESH_INVALID')
  expect((await request('/api/auth/me', { token: own.token })).status).toBe(200)
})

test('DELETE /api/auth/sessions/{id} of the own session is a logout that clears the cookies', async () => {
  const { request, own, other, ownId, end } = await houseWithSessions()

  const answer = await end(ownId)

  expect(answer.status).toBe(200)
  expect(answer.headers.getSetCookie().map((line) => line.split(';')[0])).toEqual(['auth-token=', 'refresh-token='])
  expect((await request('/api/auth/me', { token: own.token })).json().error.code).toBe('AUTH_REVOKED')
  expect((await request('/api/auth/me', { token: other.token })).status).toBe(200)
})

test('DELETE /api/auth/sessions/{id} answers alike, byte for byte, to a session of another user, an unknown one, one that is over and one that is no id', async () => {
  const { bobsId, otherId, end } = await houseWithSessions()
  await end(otherId)
  const answers = [await end(bobsId), await end(nobody), await end(otherId), await end('no-id')]

  const bytes = answers.map(({ status, headers, text, json }) =>
    JSON.stringify([status, [...headers].toSorted(), text]).replaceAll(json().meta.request_id, 'ID'),
  )

  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404])
  expect(answers[0]?.json().error).toStrictEqual({ code: 'NOT_FOUND', message: 'Not found', details: null })
  expect(new Set(bytes).size).toBe(1)
})

test('DELETE /api/auth/sessions/{id} never ends the session of another user [ASVS 8.2.2]', async () => {
  const { request, bobs, bobsId, end } = await houseWithSessions()

  await end(bobsId)

  expect((await request('/api/auth/me', { token: bobs.token })).status).toBe(200)
})

test('DELETE /api/auth/sessions/{id} without a token tells nothing of the id, and ends nothing', async () => {
  const { request, other, otherId, end } = await houseWithSessions()

  const answers = [await end(otherId, {}), await end(nobody, {}), await end('no-id', {})]

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401])
  expect((await request('/api/auth/me', { token: other.token })).status).toBe(200)
})

test.each<[string, Record<string, string>]>([
  ['the Origin of another site', { origin: 'https://evil.example' }],
  ['a Sec-Fetch-Site of cross-site', { 'sec-fetch-site': 'cross-site' }],
])('DELETE /api/auth/sessions/{id} by cookie with %s is refused, and nothing is done [ASVS 3.5.1]', async (_, from) => {
  const { request, own, other, otherId, end } = await houseWithSessions()

  const answer = await end(otherId, { headers: { cookie: `auth-token=${own.token}`, ...from } })

  expect(answer.status).toBe(403)
  expect((await request('/api/auth/me', { token: other.token })).status).toBe(200)
})

test('DELETE /api/auth/sessions/{id} takes the cookie of the own site', async () => {
  const { own, otherId, end } = await houseWithSessions()

  const answer = await end(otherId, { headers: { cookie: `auth-token=${own.token}`, origin: 'http://localhost:8000' } })

  expect(answer.status).toBe(200)
})

test('DELETE /api/auth/sessions/{id} asks no database about what is no id', async () => {
  const { request, auth, database } = await fileHouse()
  const { accessToken: token } = await auth.signUp(ada)
  database.run('alter table sessions rename to sessions_gone')

  const answer = await request('/api/auth/sessions/no-id', { method: 'DELETE', token })

  expect(answer.status).toBe(404)
})

test.each(['GET', 'POST', 'PUT', 'PATCH'])(
  '%s /api/auth/sessions/{id} answers 405, and says what is allowed [ASVS 4.1.4]',
  async (method) => {
    const { request, own, otherId } = await houseWithSessions()

    const answer = await request(`/api/auth/sessions/${otherId}`, { method, token: own.token })

    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('DELETE')
  },
)

test('metrics tell the pattern of a path, never the id in it', async () => {
  const { request, otherId, end } = await houseWithSessions()
  await end(otherId)

  const { text } = await request('/metrics')

  expect(text).toContain('route="/api/auth/sessions/:id",status="200"')
  expect(text).not.toContain(otherId)
})
