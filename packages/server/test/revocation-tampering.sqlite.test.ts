import { generateKeyPairSync, sign } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { keepAliveAgent } from '../../verify/src/http-request.ts'
import { readSecret } from '../../verify/src/keys.ts'
import { listsAtOnce } from '../../verify/src/list-loader.ts'
import { followRevocations } from '../../verify/src/revocation-feed.ts'
import { readTokenStatus } from '../../verify/src/token-status.ts'
import { listPositions } from '../src/crypto/list-positions.ts'
import { statusListUri } from '../src/domain/status-list.ts'
import { lookInto } from '../src/testing/test-database.ts'
import type { Answer } from './network.ts'
import { run } from './processes.ts'
import { becomes, byJumpingNode, outcomeOf, survivingServer, verifierOf, verifierProcess, watch } from './surviving.ts'

const secret = 'a shared secret of more than 32 bytes'
const isList = (path: string) => /\/status-lists\/\d+$/.test(path)

type Words = { header: Record<string, unknown>; claims: Record<string, unknown>; signature: string }

/** Takes a list apart, changes it, and puts it together again. */
function rewritten(answer: Answer, change: (words: Words) => Partial<Words>): Answer {
  const [header = '', claims = '', signature = ''] = answer.body.toString().split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  const words = { header: read(header), claims: read(claims), signature }
  const next = { ...words, ...change(words) }
  const text = [next.header, next.claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return { ...answer, body: Buffer.from(`${text}.${next.signature}`) }
}

const emptyBits = deflateSync(Buffer.alloc(8_192)).toString('base64url')
const withList = (claims: Words['claims'], lst: string) => ({ ...claims, status_list: { bits: 1, lst } })

function signedByAnother(answer: Answer): Answer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const forged = rewritten(answer, ({ claims }) => ({ claims: withList(claims, emptyBits) }))
  const content = forged.body.toString().split('.').slice(0, 2).join('.')
  const signature = sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return { ...answer, body: Buffer.from(`${content}.${signature.toString('base64url')}`) }
}

const tamperings: Record<string, (answer: Answer) => Answer> = {
  'its bits taken out': (answer) => rewritten(answer, ({ claims }) => ({ claims: withList(claims, emptyBits) })),
  'another signature': signedByAnother,
  'no signature': (answer) =>
    rewritten(answer, ({ header }) => ({ header: { ...header, alg: 'none' }, signature: '' })),
  'another address': (answer) =>
    rewritten(answer, ({ claims }) => ({ claims: { ...claims, sub: 'https://a.example/0' } })),
  'a longer life': (answer) => rewritten(answer, ({ claims }) => ({ claims: { ...claims, exp: 2 ** 40 } })),
  'a bomb in it': (answer) =>
    rewritten(answer, ({ claims }) => ({
      claims: withList(claims, deflateSync(Buffer.alloc(30_000_000)).toString('base64url')),
    })),
  'half of it gone': (answer) => ({ ...answer, body: answer.body.subarray(0, answer.body.length / 2) }),
  'no cursor': ({ status, body, headers: { 'revocation-cursor': _, ...headers } }) => ({ status, body, headers }),
  'another status': (answer) => ({ ...answer, status: 404 }),
}

test('a list with anything changed in it lets a new verifier accept nothing, until the list is whole again', async () => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  await server.logOut(revoked)
  server.connect()
  const heard: Record<string, unknown[]> = {}

  for (const [name, tamper] of Object.entries(tamperings)) {
    server.network.suffer({ answer: (path, answer) => (isList(path) ? tamper(answer) : answer) })
    const verifier = verifierOf(server.url)
    await expect.poll(() => verifier.status().revocations?.problem).not.toBe('no list was loaded yet')
    const { state } = verifier.status().revocations ?? {}
    server.network.suffer({})
    heard[name] = [state, await outcomeOf(verifier, valid), await outcomeOf(verifier, revoked)]
  }

  const expected = Object.keys(tamperings).map((name) => [name, ['waiting', 'accepted', 'AUTH_REVOKED']])
  expect(heard).toEqual(Object.fromEntries(expected))
})

test('lists from before a revocation, replayed while the stream is cut, take nothing back and keep nobody fresh', async () => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  const old = new Map<string, Answer>()
  server.network.suffer({
    answer: (path, answer) => {
      if (answer.status === 200) old.set(path, answer)
      return answer
    },
  })
  server.connect()
  const verifier = verifierOf(server.url)
  await verifier.ready()
  await server.logOut(revoked)
  await becomes(verifier, revoked, 'AUTH_REVOKED')

  server.network.suffer({ stream: ({ cut }) => cut, answer: (path, answer) => old.get(path) ?? answer })
  const watched = watch(verifier, revoked)

  await becomes(verifier, valid, 'REVOCATIONS_STALE')
  server.network.suffer({})
  await becomes(verifier, valid, 'accepted')
  expect(watched.outcomes()).not.toContain('accepted')
})

test.each([
  ['ahead', 60_000],
  ['behind', -60_000],
])('a verifier whose clock is a minute %s refuses what is revoked, and nothing valid', async (_, skew) => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  server.connect()
  const verifier = verifierOf(server.url, { now: () => Date.now() + skew })
  await verifier.ready()
  const watched = watch(verifier, valid)

  await server.logOut(revoked)
  await becomes(verifier, revoked, 'AUTH_REVOKED')
  const fresh = await server.logIn()

  expect(await outcomeOf(verifier, fresh)).toBe('accepted')
  expect(watched.outcomes()).toEqual(['accepted'])
  expect(await outcomeOf(verifierOf(server.url, { now: () => Date.now() + skew }), revoked)).toBe('AUTH_REVOKED')
})

test.each([
  ['forwards', 60_000],
  ['back', -60_000],
])('a verifier whose clock is set %s by a minute is itself again at the next heartbeat', async (_, step) => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  server.connect()
  let skew = 0
  const verifier = verifierOf(server.url, { now: () => Date.now() + skew })
  await verifier.verify(revoked)

  skew = step
  await server.logOut(revoked)

  await becomes(verifier, valid, 'accepted')
  await becomes(verifier, revoked, 'AUTH_REVOKED')
})

test('a key that is rotated at a running server refuses nobody, and lists that it signs are believed', async () => {
  const server = await survivingServer({}, byJumpingNode)
  const [before, old] = [await server.logIn(), await server.logIn()]
  server.connect()
  const verifier = await verifierProcess(server.url)
  await verifier.verify(before)
  await server.logOut(before)
  await becomes(verifier, before, 'AUTH_REVOKED')

  expect((await run(['keys', 'rotate'], server.surroundings)).code).toBe(0)
  server.jump()
  verifier.jump()
  const recent = await server.logIn()

  expect(keyOf(recent)).not.toBe(keyOf(old))
  await becomes(verifier, recent, 'accepted')
  await becomes(verifier, old, 'accepted')
  await Promise.all([server.logOut(old), server.logOut(recent)])
  await Promise.all([old, recent].map((token) => becomes(verifier, token, 'AUTH_REVOKED')))
  const list = await (await fetch(`${server.url}/.well-known/status-lists/0`)).text()
  expect(keyOf(list)).toBe(keyOf(recent))
  const later = await verifierProcess(server.url)
  later.jump()
  await becomes(later, await server.logIn(), 'accepted')
  const outcomes = [before, old, recent].map((token) => outcomeOf(later, token))
  expect(await Promise.all(outcomes)).toEqual(Array(3).fill('AUTH_REVOKED'))
})

const keyOf = (token: string) => decodeProtectedHeader(token).kid

test('revocations go on across a restart with the secret alone', async () => {
  const server = await survivingServer({ JWT_SECRET: secret })
  const [before, old] = [await server.logIn(), await server.logIn()]
  server.connect()
  const verifier = await verifierProcess(server.url, { secret })
  await verifier.verify(before)
  await server.logOut(before)

  await server.kill()
  await server.restart()
  server.connect()
  const recent = await server.logIn()

  await becomes(verifier, recent, 'accepted')
  await becomes(verifier, old, 'accepted')
  await Promise.all([server.logOut(old), server.logOut(recent)])
  await Promise.all([before, old, recent].map((token) => becomes(verifier, token, 'AUTH_REVOKED')))
})

test('a list that has expired lets a new verifier accept nothing', async () => {
  const server = await survivingServer()
  const valid = await server.logIn()
  server.connect()
  let ahead = 2 * 60 * 60 * 1_000
  const verifier = verifierOf(server.url, { now: () => Date.now() + ahead })
  const watched = watch(verifier, valid)
  await expect.poll(() => verifier.status().revocations?.problem).toMatch('its end')
  const { state } = verifier.status().revocations ?? {}
  const outcomesBefore = watched.outcomes()

  ahead = 0

  await becomes(verifier, valid, 'accepted')
  expect(state).toBe('waiting')
  expect(outcomesBefore).not.toContain('accepted')
})

type Server = Awaited<ReturnType<typeof survivingServer>>

test('100,000 sessions that end at once are refused, each of them, by who listened and by who comes then', async () => {
  const server = await survivingServer({ JWT_SECRET: secret })
  await server.logIn()
  const sessions = add100_000Sessions(server)
  server.connect()
  const listening = feedOf(server.url)
  await listening.assertFresh()

  expect((await run(['users', 'logout', '--all'], server.surroundings)).stdout).toContain('Ended 100002 sessions')
  const endedAt = performance.now()
  await expect.poll(() => listening.status().cursor, { interval: 5, timeout: 10_000 }).toBe('100002')
  const caughtUpMilliseconds = performance.now() - endedAt

  const later = feedOf(server.url)
  await later.assertFresh()
  const valid = readTokenStatus(decodeJwt(await server.logIn()))
  for (const feed of [listening, later]) {
    expect(sessions.filter((status) => !feed.isRevoked(status))).toEqual([])
    expect(feed.isRevoked(valid)).toBe(false)
  }
  expect(caughtUpMilliseconds).toBeLessThan(5_000)
}, 60_000)

/** What a verifier follows, without the tokens: a hundred thousand signatures would take longer than all the rest. */
function feedOf(issuer: string) {
  const ring = readSecret(Buffer.from(secret))
  const findKey = async () => ring.find('HS256', undefined) ?? expect.fail('no key')
  const agent = keepAliveAgent(issuer, listsAtOnce)
  const findEndpoints = async () => ({
    statusLists: `${issuer}/.well-known/status-lists`,
    revocationStream: `${issuer}/api/auth/revocations`,
  })
  const feed = followRevocations({ issuer, agent, findEndpoints, findKey, maxStalenessSeconds: 30, now: Date.now })
  onTestFinished(() => {
    feed.close()
    agent.destroy()
  })
  return feed
}

/** Writes sessions into the database, and answers where the bit of each stands. */
function add100_000Sessions({ url, databaseUrl }: Server) {
  const database = lookInto(databaseUrl)
  const [now, end] = [Date.now(), Date.now() + 86_400_000]
  database.run(`
    with recursive counted(n) as (select 1 union all select n + 1 from counted where n < 100000)
    insert into sessions (id, user_id, created_at, last_used_at, expires_at, access_expires_at, ip_address, user_agent)
    select 'made ' || n, users.id, ${now}, ${now}, ${end}, ${end}, '192.0.2.1', 'made' from counted, users;
    insert into status_lists select distinct number / 65536, ${end} from sessions where true on conflict (list) do nothing`)
  const [seed] = database.rows<{ seed: string }>('select seed from status_list_seed')
  const position = listPositions(seed?.seed ?? '')
  return database
    .rows<{ number: number }>(`select number from sessions where user_agent = 'made'`)
    .map(({ number }) => {
      const { list, index } = position(number)
      return { uri: statusListUri(url, list), index }
    })
}
