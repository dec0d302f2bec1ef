import { expect, test } from 'vitest'
import { ada, bob, originAt, testHouse } from '../testing/test-house.ts'

const strict = { RATE_LIMIT_ACCOUNT: '3/hour' }
const wrong = { email: ada.email, password: 'WrongPass123' }
const right = { email: ada.email, password: ada.password }

/** A house with Ada's account, and the cookie of the device on which she made it. */
async function houseOfAda(settings: Record<string, string> = {}) {
  const house = await testHouse({ ...strict, ...settings })
  const signup = await house.request('/api/auth/signup', { body: right })
  let strangers = 0
  /** A login from an address that nobody ever signed in from. */
  const logIn = (body: object, cookie?: string) => {
    strangers += 1
    const address = `198.51.${strangers >> 8}.${strangers & 255}`
    return house.request('/api/auth/login', { body, address, headers: cookie ? { cookie } : {} })
  }
  const statuses = async (times: number, body: object, cookie?: string) => {
    const seen: number[] = []
    for (let time = 0; time < times; time += 1) seen.push((await logIn(body, cookie)).status)
    return seen
  }
  return { ...house, cookie: deviceOf(signup), logIn, statuses }
}

function deviceOf({ headers }: { headers: Headers }): string {
  return (
    headers
      .getSetCookie()
      .find((line) => /^(__Secure-)?device=/.test(line))
      ?.split(';')[0] ?? ''
  )
}

test('the owner logs in on a known device, from a new address, while 1,000 addresses guess at the account', async () => {
  const { logIn, statuses, cookie } = await houseOfAda()
  const guesses = await statuses(500, wrong)

  const owner = await logIn(right, cookie)
  const stranger = await logIn(right)
  const more = await statuses(500, wrong)

  expect(guesses.slice(0, 3)).toEqual([401, 401, 401])
  expect(new Set([...guesses.slice(3), ...more])).toEqual(new Set([429]))
  expect([owner.status, stranger.status]).toEqual([200, 429])
})

test('a login of the owner on a known device gives strangers no new guesses', async () => {
  const { logIn, statuses, cookie } = await houseOfAda()
  await statuses(3, wrong)
  await logIn(right, cookie)

  const answers = await statuses(1, wrong)

  expect(answers).toEqual([429])
})

test('a stolen device cookie gives three guesses, and takes none from strangers or other devices', async () => {
  const { logIn, statuses, cookie } = await houseOfAda()
  const another = deviceOf(await logIn(right))

  const stolen = await statuses(5, wrong, cookie)
  const strangers = await statuses(4, wrong)
  const owner = await logIn(right, another)

  expect(stolen).toEqual([401, 401, 401, 429, 429])
  expect(strangers).toEqual([401, 401, 401, 429])
  expect(owner.status).toBe(200)
})

test('a replayed device cookie is counted on, also after the owner logged in with it', async () => {
  const { logIn, statuses, cookie } = await houseOfAda()
  await statuses(2, wrong, cookie)
  const renewed = deviceOf(await logIn(right, cookie))

  const replayed = await statuses(1, wrong, cookie)
  const owner = await logIn(right, renewed)

  expect([replayed, owner.status]).toEqual([[429], 200])
})

test('of 20 guesses at once with one device cookie three are heard [ASVS 15.4.1]', async () => {
  const { logIn, cookie } = await houseOfAda()

  const answers = await Promise.all(Array.from({ length: 20 }, () => logIn(wrong, cookie)))

  expect(answers.filter(({ status }) => status === 401)).toHaveLength(3)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(17)
})

test('a forged or foreign device cookie gains nothing, for a known account and an unknown one alike', async () => {
  const { request, statuses, cookie } = await houseOfAda()
  const foreign = deviceOf(await request('/api/auth/signup', { body: { email: bob.email, password: bob.password } }))
  const unknown = { ...wrong, email: 'nobody@example.com' }
  await statuses(3, wrong)
  await statuses(3, unknown)
  const last = cookie.endsWith('A') ? 'Q' : 'A'
  const cookies = [foreign, `${cookie.slice(0, -20)}${last.repeat(20)}`, 'device=', `device=${'A'.repeat(5000)}`]

  for (const tried of cookies) {
    expect([tried.slice(0, 9), await statuses(1, wrong, tried)]).toEqual([tried.slice(0, 9), [429]])
    expect([tried.slice(0, 9), await statuses(1, unknown, tried)]).toEqual([tried.slice(0, 9), [429]])
  }
  expect(await statuses(1, unknown, cookie)).toEqual([429])
})

test('a device is known for 90 days', async () => {
  const { logIn, statuses, cookie, clock } = await houseOfAda()
  clock.advance(90 * 86_400)
  await statuses(3, wrong)

  const late = await logIn(right, cookie)

  expect(late.status).toBe(429)
})

test('on a known device the password can be changed while strangers guess', async () => {
  const { request, statuses, cookie, logIn } = await houseOfAda()
  const { token } = (await logIn(right)).json()
  await statuses(3, wrong)
  const change = { current_password: right.password, new_password: 'AnotherGood1' }

  const stranger = await request('/api/auth/password', { body: change, token, address: '203.0.113.1' })
  const owner = await request('/api/auth/password', {
    body: change,
    token,
    address: '203.0.113.1',
    headers: { cookie },
  })

  expect([stranger.status, owner.status]).toEqual([429, 200])
})

test('the device cookie is HttpOnly, SameSite=Strict and for /api/auth alone; a failed login and a refresh give none', async () => {
  const { request, logIn } = await houseOfAda({ PUBLIC_URL: 'https://auth.example.com' })
  const login = await logIn(right)
  const failed = await logIn(wrong)
  const refreshed = await request('/api/auth/refresh', { body: { refresh_token: login.json().refresh_token } })

  const line = login.headers.getSetCookie().find((text) => text.startsWith('__Secure-device=')) ?? ''

  expect(line.split('; ').slice(1).toSorted()).toEqual([
    'HttpOnly',
    'Max-Age=7776000',
    'Path=/api/auth',
    'SameSite=Strict',
    'Secure',
  ])
  expect(login.text).not.toContain(line.split(/[=;]/)[1])
  expect([deviceOf(failed), deviceOf(refreshed), refreshed.status]).toEqual(['', '', 200])
})

test('a device cookie is good at a server in shared-secret mode with the same secret, and at no other', async () => {
  const secret = { JWT_SECRET: 'a shared secret of more than 32 bytes' }
  const { auth, cookie, statuses, logIn } = await houseOfAda(secret)
  const elsewhere = await houseOfAda()
  await statuses(3, wrong)
  await elsewhere.statuses(3, wrong)

  const here = await logIn(right, cookie)
  const there = await elsewhere.logIn(right, cookie)

  expect([here.status, there.status]).toEqual([200, 429])
  await expect(auth.logIn({ ...ada, origin: originAt('203.0.113.9') })).rejects.toMatchObject({
    code: 'RATE_LIMIT_EXCEEDED',
  })
})
