import { describe, expect, test } from 'vitest'
import { endpointsOf } from '../src/http/app.ts'
import { contractOf } from '../src/http/contract.ts'
import { ada, testHouse } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

type Schema = {
  type?: string | string[]
  minLength?: number
  maxLength?: number
  pattern?: string
  format?: string
  enum?: string[]
  properties?: Record<string, Schema>
  $ref?: string
}
type Operation = { requestBody?: { content: Record<string, { schema: Schema }> } }
type Contract = { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> } }

const { email, password } = ada
const contract = JSON.parse(JSON.stringify(contractOf(endpointsOf({ servesMetrics: true }), '/'))) as Contract

/** Every member of every JSON body that the contract tells of. */
const fields = Object.entries(contract.paths).flatMap(([path, operations]) => {
  const { schema } = operations['post']?.requestBody?.content['application/json'] ?? {}
  const body = contract.components.schemas[schema?.$ref?.split('/').at(-1) ?? '']
  return Object.entries(body?.properties ?? {}).map(([name, field]) => ({ path, name, field }))
})

/** A body that the route takes, so that whatever is refused is refused for the one member that was changed. */
const goodBodies: Record<string, Record<string, string>> = {
  '/api/auth/signup': { email: 'eve@example.com', password },
  '/api/auth/login': { email, password },
  '/api/auth/refresh': { refresh_token: `lkr_${'A'.repeat(43)}` },
  '/api/auth/logout': { scope: 'local' },
  '/api/auth/password': { current_password: password, new_password: 'AnotherGood1' },
}

/** What the contract does not allow in a field, made from its schema. */
function badValues({ maxLength, minLength, enum: choices, format }: Schema): unknown[] {
  return [
    ...[null, 1, 0, true, false, 1.5, [], ['x'], [email], {}, { $ne: '' }, { length: 5 }],
    ...(maxLength === undefined ? [] : ['x'.repeat(maxLength + 1), `${'x'.repeat(maxLength)}@example.com`]),
    ...(minLength ? [''] : []),
    ...(choices ? [`${choices[0]} `, choices[0]?.toUpperCase(), 'none of them'] : []),
    ...(format === 'email' ? ['', 'x', 'x@', '@x', 'x y@example.com', 'x@example.com, y@example.com'] : []),
  ]
}

async function houseWithAda() {
  const house = await testHouse()
  const { accessToken: token } = await house.auth.signUp(ada)
  return { ...house, token }
}

test('the contract tells of the type of every member of a body, and how long or which it may be [ASVS 2.1.1]', () => {
  const loose = fields.filter(({ field }) => field.type !== 'string' || !(field.maxLength || field.enum))

  expect(loose).toEqual([])
  expect(new Set(fields.map(({ path }) => path))).toEqual(new Set(Object.keys(goodBodies)))
})

describe.each(fields)('POST $path', ({ path, name, field }) => {
  const good = goodBodies[path] ?? {}
  // A refresh token has one form, and whatever has another is answered like one that nobody has.
  const isRefusal = (status: number) => status === 400 || (path === '/api/auth/refresh' && status === 401)

  test(`refuses every "${name}" that the contract does not allow [ASVS 2.1.1, ASVS 2.2.2, ASVS 15.3.5]`, async () => {
    const { request, token } = await houseWithAda()

    const taken: unknown[] = []
    for (const value of badValues(field)) {
      const answer = await request(path, { body: { ...good, [name]: value }, token })
      if (!isRefusal(answer.status)) taken.push([value, answer.status])
      if (typeof value !== 'string') expect([value, answer.status]).toEqual([value, 400])
    }

    expect(taken).toEqual([])
  })
})

test.each(['/api/auth/signup', '/api/auth/login', '/api/auth/logout', '/api/auth/password'])(
  'POST %s takes the body that the others differ from in one member',
  async (path) => {
    const { request, token } = await houseWithAda()

    const { status } = await request(path, { body: goodBodies[path], token })

    expect([200, 201]).toContain(status)
  },
)

test('no answer holds a column that the server keeps to itself, nor what stands in it [ASVS 15.3.1]', async () => {
  const { request, auth, database } = await fileHouse()
  const { accessToken: token, refreshToken } = await auth.signUp(ada)
  const body = { refresh_token: refreshToken }
  const asked = Object.entries(contract.paths)
    .filter(([path, { get }]) => get && path !== '/api/auth/revocations')
    .map(([path]) => path.replace('{list}', '0'))

  const answers = await Promise.all(asked.map((path) => request(path, { token })))
  answers.push(await request('/api/auth/login', { body: { email, password } }))
  answers.push(await request('/api/auth/refresh', { body }))

  const said = answers.map(({ text, headers }) => text + JSON.stringify([...headers])).join('\n')
  const secrets = [
    ...database.rows<{ secret: string }>('select password_hash as secret from users'),
    ...database.rows<{ secret: string }>('select digest as secret from refresh_tokens'),
    ...database.rows<{ secret: string }>('select private_sealed as secret from signing_keys'),
  ]
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  expect(secrets.length).toBeGreaterThanOrEqual(4)
  expect(secrets.filter(({ secret }) => said.includes(secret))).toEqual([])
  expect(said.match(/\b(password_hash|private_sealed|successor_sealed|digest|session_number)\b/g)).toBeNull()
})

test('operators have no route: what an API credential opens is closed to strangers and to users [ASVS 8.2.1]', async () => {
  const { request, token } = await houseWithAda()
  const form = { method: 'POST', body: `token=${token}` }
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }

  const answers = await Promise.all(
    ['/api/auth/introspect', '/api/auth/revoke'].flatMap((path) => [
      request(path, { ...form, headers }),
      request(path, { ...form, headers, token }),
      request(path, { ...form, headers: { ...headers, cookie: `auth-token=${token}` } }),
    ]),
  )

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401])
  expect((await request('/api/auth/me', { token })).status).toBe(200)
  expect(Object.keys(contract.paths).filter((path) => /admin|users|operator|keys(?!.json)/.test(path))).toEqual([])
})

test('what a client says of itself decides nothing: the token alone does [ASVS 8.3.1]', async () => {
  const { request, auth, token } = await houseWithAda()
  const { userId: bob } = await auth.signUp({ ...ada, email: 'bob@example.com' })
  const headers = { 'x-user-id': bob, 'x-role': 'admin', 'x-forwarded-user': bob, cookie: `user_id=${bob}; role=admin` }

  const profile = await request(`/api/auth/me?user_id=${bob}&role=admin`, { token, headers })
  const events = await request(`/api/auth/events?user_id=${bob}`, { token, headers })
  const nameless = await request(`/api/auth/me?user_id=${bob}`, { headers })

  expect(profile.json().email).toBe(email)
  expect(events.json().data).toHaveLength(1)
  expect(profile.text + events.text).not.toContain(bob)
  expect(nameless.status).toBe(401)
})
