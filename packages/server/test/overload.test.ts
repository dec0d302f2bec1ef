import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { ada, bob, testHouse } from '../src/testing/test-house.ts'
import { temporaryFolder } from './database-file.ts'
import { serve } from './processes.ts'
import { answersOf } from './raw-answers.ts'
import { bytesUntilClosed, dial, post } from './raw-socket.ts'

const known = { email: ada.email, password: 'WrongPass1234' }
const unknown = { email: 'nobody@example.com', password: 'WrongPass1234' }
const cores = availableParallelism()

/** A server without limits but that of hashing. Ada has an account. */
async function busyServer(settings: Record<string, string>) {
  const off = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_SIGNUP: 'off', RATE_LIMIT_ACCOUNT: 'off' }
  const server = await serve({ folder: temporaryFolder(), settings: { ...off, ...settings } })
  const { token } = (
    await server.request('/api/auth/signup', { body: { email: ada.email, password: ada.password } })
  ).json()
  const metric = async (name: string) => {
    const { text } = await server.request('/metrics')
    const values = text.matchAll(new RegExp(`^latchkey_password_hash${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))
    return [...values].reduce((sum, [, value]) => sum + Number(value), 0)
  }
  return { ...server, token, metric }
}

test('a server that cannot hash all passwords in time says so in the one error shape, and nothing is hashed in vain', async () => {
  const { request, token, metric } = await busyServer({ BCRYPT_COST: '10', HASH_MAX_WAIT: '0' })
  const before = await metric('_duration_seconds_count')
  const bodies = [known, unknown, { ...ada, origin: undefined }]
  const paths = ['login', 'login', 'login', 'signup', 'password']
  const send = (_: unknown, at: number) => {
    const path = paths[at % paths.length]
    if (path === 'signup') return request('/api/auth/signup', { body: { ...known, email: `new${at}@example.com` } })
    const change = { current_password: known.password, new_password: 'AnotherGood1' }
    if (path === 'password') return request('/api/auth/password', { body: change, token })
    return request('/api/auth/login', { body: bodies[at % bodies.length] })
  }

  const answers = await Promise.all(Array.from({ length: 60 * cores }, send))

  const refused = answers.filter(({ status }) => status >= 500)
  expect(refused.length).toBeGreaterThan(30 * cores)
  for (const { status, headers, json } of refused) {
    expect(status).toBe(503)
    expect(headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/)
    expect(json()).toEqual({
      error: { code: 'OVERLOADED', message: 'Service busy. Try again later.', details: null },
      meta: { timestamp: expect.any(String), request_id: headers.get('x-request-id') },
    })
  }
  const hashed = (await metric('_duration_seconds_count')) - before
  expect(hashed).toBe(answers.length - refused.length)
  expect(await metric('es_refused_total')).toBeGreaterThanOrEqual(refused.length)
})

test('a server that is overloaded refuses for known and unknown accounts alike', async () => {
  const { request } = await busyServer({ BCRYPT_COST: '12', HASH_MAX_WAIT: '0' })
  // More than there are threads, so that all stay busy for the first quarter of a second.
  const storm = Promise.all(Array.from({ length: 4 * cores }, () => request('/api/auth/login', { body: unknown })))
  await expect.poll(async () => (await request('/metrics')).text).toContain(`latchkey_password_hashes_pending ${cores}`)

  const answers = await Promise.all([known, unknown].map((body) => request('/api/auth/login', { body })))

  expect(answers.map(({ status, json }) => [status, json().error.code])).toEqual([
    [503, 'OVERLOADED'],
    [503, 'OVERLOADED'],
  ])
  await storm
})

test('the single login of one address comes next, though another address sent 200', async () => {
  const house = await testHouse({ BCRYPT_COST: '8', HASH_MAX_WAIT: '30s' })
  await house.auth.signUp(bob)
  let answered = 0
  const flood = Array.from({ length: 200 }, async () => {
    const { status } = await house.request('/api/auth/login', { body: unknown, address: '192.0.2.1' })
    answered += 1
    return status
  })
  await Promise.race(flood)
  const before = answered

  const { email, password } = bob
  const single = await house.request('/api/auth/login', { body: { email, password }, address: '192.0.2.2' })

  expect(single.status).toBe(200)
  // Those that ran already, one whose turn came before, and what slips in until the queue is reached.
  expect(answered - before).toBeLessThan(10 + 2 * cores)
  expect(new Set(await Promise.all(flood))).toEqual(new Set([401]))
})

/** A house in which more strangers can log in at once than may wait, each from a network and at an account of its own. */
async function floodedHouse() {
  // Cheap, so that who is let in is in time on a busy machine too, and so many that it is too much for a quick one.
  const { request } = await testHouse({ BCRYPT_COST: '8', HASH_MAX_WAIT: '1s' })
  const signUp = (email: string, address: string) =>
    request('/api/auth/signup', { body: { email, password: ada.password }, address })
  const logIn = (email: string, address: string, cookie?: string) =>
    request('/api/auth/login', { body: { email, password: ada.password }, address, headers: cookie ? { cookie } : {} })
  let strangers = 0
  const guess = (cookie?: string) => {
    strangers += 1
    return logIn(`nobody${strangers}@example.com`, `10.0.${strangers >> 8}.${strangers & 255}`, cookie)
  }
  return { signUp, logIn, guess, flood: (cookie?: string) => Array.from({ length: 200 * cores }, () => guess(cookie)) }
}

const statusesOf = async (answers: Promise<{ status: number }>[]) =>
  (await Promise.all(answers)).map(({ status }) => status)

test('while more strangers log in than can be hashed, who is known by network or by device does not wait behind them', async () => {
  const { signUp, logIn, flood } = await floodedHouse()
  const device = deviceOf(await signUp(ada.email, '192.0.2.1'))
  await signUp(bob.email, '192.0.2.2')
  const strangers = flood()

  const others = await statusesOf([
    logIn(ada.email, '192.0.2.3'),
    logIn(ada.email, '192.0.2.4', device),
    logIn(bob.email, '192.0.2.2'),
  ])

  expect(others).toEqual([503, 200, 200])
  expect(new Set(await statusesOf(strangers))).toEqual(new Set([401, 503]))
})

test('who comes from a known network is let in where strangers are refused before anything is looked up', async () => {
  const { signUp, logIn, guess, flood } = await floodedHouse()
  await signUp(ada.email, '192.0.2.1')
  let isOver = false
  const guessOn = async (answer: Promise<{ status: number }>): Promise<void> => {
    await answer
    if (!isOver) await guessOn(guess())
  }
  const strangers = flood()
  const going = Promise.all(strangers.map(guessOn))
  await Promise.any(strangers.map(async (answer) => expect((await answer).status).toBe(503)))

  const owner = [await logIn(ada.email, '192.0.2.1'), await logIn(ada.email, '192.0.2.1')]
  isOver = true

  expect(owner.map(({ status }) => status)).toEqual([200, 200])
  await going
})

test('who shows one device cookie from many networks has one turn, and keeps no other known device out', async () => {
  const { signUp, logIn, flood } = await floodedHouse()
  const device = deviceOf(await signUp(ada.email, '192.0.2.1'))
  const stolen = deviceOf(await signUp(bob.email, '192.0.2.2'))
  const strangers = flood(stolen)

  const owner = await logIn(ada.email, '192.0.2.3', device)

  expect(owner.status).toBe(200)
  expect(new Set(await statusesOf(strangers))).toEqual(new Set([401, 503]))
})

function deviceOf({ headers }: { headers: Headers }): string {
  return (
    headers
      .getSetCookie()
      .find((line) => line.startsWith('device='))
      ?.split(';')[0] ?? ''
  )
}

test('the password of a client that has gone is not hashed', async () => {
  const { port, metric } = await busyServer({ BCRYPT_COST: '12', HASH_MAX_WAIT: '30s' })
  const before = await metric('_duration_seconds_count')
  const sent = 12 * cores
  const clients = await Promise.all(Array.from({ length: sent }, () => loginSent(port)))
  await expect.poll(() => metric('es_waiting')).toBeGreaterThan(sent / 2)
  const [patient, ...others] = clients
  const answer = patient && bytesUntilClosed(patient)

  for (const socket of others) socket.destroy()

  await expect.poll(() => metric('es_pending'), { timeout: 15_000 }).toBe(0)
  const dropped = await metric('es_dropped_total')
  const hashed = (await metric('_duration_seconds_count')) - before
  expect(answersOf((await answer) ?? Buffer.alloc(0)).map(({ status }) => status)).toEqual([401])
  expect(dropped).toBeGreaterThan(sent / 3)
  expect(hashed).toBe(sent - dropped)
})

/** A client that sends a login, and has not read the answer yet. */
async function loginSent(port: number): Promise<Socket> {
  const socket = await dial(port)
  socket.write(post('/api/auth/login', JSON.stringify(unknown)))
  return socket
}
