import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { ada, testHouse } from '../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }
const defaults = { RATE_LIMIT_LOGIN: '', RATE_LIMIT_SIGNUP: '', RATE_LIMIT_ACCOUNT: '' }

type House = Awaited<ReturnType<typeof testHouse>>
type Options = Parameters<House['request']>[1]

/** The statuses of so many logins that cannot succeed. */
async function tryLogins({ request }: House, count: number, options: (attempt: number) => Options = () => ({})) {
  const statuses: number[] = []
  for (let attempt = 0; attempt < count; attempt++) {
    const answer = await request('/api/auth/login', { body: credentials, ...options(attempt) })
    statuses.push(answer.status)
  }
  return statuses
}

test('the sixth login in a minute from one address is refused by default, and told when to come back [ASVS 6.3.1]', async () => {
  const house = await testHouse(defaults)
  const statuses = await tryLogins(house, 5)

  const answer = await house.request('/api/auth/login', { body: credentials })

  expect(statuses).toEqual([401, 401, 401, 401, 401])
  expect(answer.status).toBe(429)
  expect(answer.json().error).toStrictEqual({
    code: 'RATE_LIMIT_EXCEEDED',
    message: 'Too many requests. Try again later.',
    details: null,
  })
  const wait = Number(answer.headers.get('retry-after'))
  expect(wait).toBeGreaterThanOrEqual(50)
  expect(wait).toBeLessThanOrEqual(60)
  expect(answer.headers.get('ratelimit-policy')).toBe('"login";q=5;w=60')
  expect(answer.headers.get('ratelimit')).toBe(`"login";r=0;t=${wait}`)
})

test('the sixth signup in a minute from one address is refused by default', async () => {
  const { request } = await testHouse(defaults)
  const signUp = (number: number) =>
    request('/api/auth/signup', { body: { ...credentials, email: `user${number}@example.com` } })
  const statuses = [1, 2, 3, 4, 5].map(async (number) => (await signUp(number)).status)

  const answers = await Promise.all(statuses)
  const sixth = await signUp(6)

  expect(answers).toEqual([201, 201, 201, 201, 201])
  expect(sixth.status).toBe(429)
  expect(sixth.headers.get('ratelimit-policy')).toBe('"signup";q=5;w=60')
})

test('a login with the right password counts like any other', async () => {
  const house = await testHouse(defaults)
  await house.auth.signUp(ada)

  const statuses = await tryLogins(house, 6)

  expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
})

test('another address has attempts of its own', async () => {
  const house = await testHouse(defaults)
  await tryLogins(house, 6)

  const statuses = await tryLogins(house, 1, () => ({ address: '192.0.2.2' }))

  expect(statuses).toEqual([401])
})

test('addresses of one IPv6 /64 share their attempts', async () => {
  const house = await testHouse(defaults)

  const statuses = await tryLogins(house, 6, (attempt) => ({ address: `2001:db8:1:2:${attempt}::1` }))
  const neighbour = await tryLogins(house, 1, () => ({ address: '2001:db8:1:3::1' }))

  expect(statuses.at(-1)).toBe(429)
  expect(neighbour).toEqual([401])
})

test('an IPv4 address counts the same when it comes mapped into IPv6', async () => {
  const house = await testHouse(defaults)
  await tryLogins(house, 5, () => ({ address: '192.0.2.1' }))

  const statuses = await tryLogins(house, 1, () => ({ address: '::ffff:192.0.2.1' }))

  expect(statuses).toEqual([429])
})

test.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'cf-connecting-ip', 'true-client-ip', 'x-client-ip'])(
  'the header %s of a stranger buys no attempts [ASVS 4.1.3]',
  async (name) => {
    const house = await testHouse(defaults)
    const spell = (attempt: number) => (name === 'forwarded' ? `for=203.0.113.${attempt}` : `203.0.113.${attempt}`)

    const statuses = await tryLogins(house, 6, (attempt) => ({ headers: { [name]: spell(attempt) } }))

    expect(statuses.at(-1)).toBe(429)
  },
)

const proxied = { ...defaults, TRUSTED_PROXIES: '10.0.0.0/8' }

test('behind a trusted proxy each client has attempts of its own', async () => {
  const house = await testHouse(proxied)

  const statuses = await tryLogins(house, 6, (attempt) => ({
    address: '10.0.0.1',
    headers: { 'x-forwarded-for': `203.0.113.${attempt}` },
  }))

  expect(statuses).toEqual([401, 401, 401, 401, 401, 401])
})

test('behind a trusted proxy a client cannot write itself another address [ASVS 4.1.3]', async () => {
  const house = await testHouse(proxied)

  const statuses = await tryLogins(house, 6, (attempt) => ({
    address: '10.0.0.1',
    headers: { 'x-forwarded-for': `198.51.100.${attempt}, 203.0.113.7` },
  }))

  expect(statuses.at(-1)).toBe(429)
})

test('the log tells the address of the client, not of a header that it wrote [ASVS 4.1.3, ASVS 16.2.1]', async () => {
  const { request } = await testHouse()
  const headers = { 'x-forwarded-for': '203.0.113.7', 'x-real-ip': '203.0.113.7', forwarded: 'for=203.0.113.7' }
  const { token } = (await request('/api/auth/signup', { body: credentials, headers })).json()

  const events = await request('/api/auth/events', { token, headers })

  expect(events.json().data[0].ip_address).toBe('192.0.2.1')
})

test('x-forwarded-proto of a stranger makes nothing secure [ASVS 4.1.3]', async () => {
  const { request } = await testHouse()

  const answer = await request('/healthz', { headers: { 'x-forwarded-proto': 'https' } })

  expect(answer.headers.has('strict-transport-security')).toBe(false)
})

test('RATE_LIMIT_GLOBAL counts requests to any route for each address', async () => {
  const { request } = await testHouse({ RATE_LIMIT_GLOBAL: '2/hour' })
  await request('/healthz')
  await request('/nothing')

  const answer = await request('/.well-known/jwks.json')
  const other = await request('/healthz', { address: '192.0.2.2' })

  expect(answer.status).toBe(429)
  expect(answer.headers.get('ratelimit-policy')).toBe('"global";q=2;w=3600')
  expect(other.status).toBe(200)
})

test('a request that is refused for its form costs no attempt', async () => {
  const house = await testHouse({ ...defaults, RATE_LIMIT_LOGIN: '1/minute' })
  await house.request('/api/auth/login', { body: '{' })
  await house.request('/api/auth/login', { body: { email: 'no address', password: 'x' } })

  const statuses = await tryLogins(house, 2)

  expect(statuses).toEqual([401, 429])
})

test('an address without attempts left is refused before its body is read, and others are not', async () => {
  const house = await testHouse(defaults)
  await tryLogins(house, 6)
  const body = '{'.repeat(10_000)

  const refused = await house.request('/api/auth/login', { body })
  const other = await house.request('/api/auth/login', { body, address: '192.0.2.2' })

  expect([refused.status, other.status]).toEqual([429, 400])
})

test('who is refused as too much is held up for a moment, so that asking again at once does not fill the server', async () => {
  const house = await testHouse({ BCRYPT_COST: '8', HASH_MAX_WAIT: '0' })
  await house.auth.signUp(ada)
  const tooMany = 40 * availableParallelism()
  const startedAt = performance.now()

  const answers = await Promise.all(
    Array.from({ length: tooMany }, async () => {
      const { status } = await house.request('/api/auth/login', { body: credentials })
      return { status, milliseconds: performance.now() - startedAt }
    }),
  )

  const refused = answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(Math.min(...refused.map(({ milliseconds }) => milliseconds))).toBeGreaterThan(240)
})

test('more passwords than the server can hash are refused as too much, and none is lost', async () => {
  const house = await testHouse({ BCRYPT_COST: '8', HASH_MAX_WAIT: '0' })
  await house.auth.signUp(ada)
  const tooMany = 40 * availableParallelism()

  const answers = await Promise.all(
    Array.from({ length: tooMany }, () => house.request('/api/auth/login', { body: credentials })),
  )

  const refused = answers.filter(({ status }) => status === 503)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]))
  expect(refused[0]?.json().error).toMatchObject({ code: 'OVERLOADED', message: 'Service busy. Try again later.' })
  expect(refused[0]?.headers.get('retry-after')).toBe('1')
})
