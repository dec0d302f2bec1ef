import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createVerifier } from '@latchkey/verify'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { databaseOf, temporaryFolder } from '../src/testing/test-database.ts'
import { ada } from '../src/testing/test-house.ts'
import { serve } from './processes.ts'

const credentials = { email: ada.email, password: ada.password }

/** The network between a server and its Postgres: passes everything on, or nothing, or breaks. */
async function openWay(to: URL) {
  const pairs = new Set<[Socket, Socket]>()
  let state: 'open' | 'cut' | 'silent' = 'open'
  const proxy = createServer((near) => {
    if (state === 'cut') {
      near.destroy()
      return
    }
    const far = connect(Number(to.port), to.hostname)
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    const end = () => {
      near.destroy()
      far.destroy()
      pairs.delete(pair)
    }
    for (const [from, onto] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => {
        if (state === 'open') onto.write(bytes)
      })
      from.on('error', end)
      from.on('close', end)
    }
  })
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))
  const cut = () => {
    state = 'cut'
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }
  onTestFinished(() => {
    cut()
    proxy.close()
  })
  const url = new URL(to)
  url.hostname = '127.0.0.1'
  url.port = String((proxy.address() as AddressInfo).port)
  return {
    url: url.href,
    cut,
    fallSilent: () => {
      state = 'silent'
    },
    /** What was said meanwhile is lost, so the connections of before are of no more use. */
    mend: () => {
      cut()
      state = 'open'
    },
  }
}

async function serverBehindWay() {
  const folder = temporaryFolder()
  const way = await openWay(new URL(databaseOf(folder)))
  const server = await serve({
    folder,
    settings: {
      DATABASE_URL: way.url,
      DATABASE_CONNECT_TIMEOUT: '1s',
      DATABASE_STATEMENT_TIMEOUT: '1s',
      DATABASE_LOCK_TIMEOUT: '1s',
      MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'),
      RATE_LIMIT_GLOBAL: '100000/hour',
      RATE_LIMIT_LOGIN: 'off',
    },
  })
  const signup = await server.request('/api/auth/signup', { body: credentials })
  return { way, server, token: signup.json().token as string }
}

/** What a node without its database answers. */
async function answersOf({ server, token }: Pick<Awaited<ReturnType<typeof serverBehindWay>>, 'server' | 'token'>) {
  const answers = await Promise.all([
    server.request('/api/auth/login', { body: credentials }),
    server.request('/api/auth/me', { token }),
    server.request('/readyz'),
    server.request('/healthz'),
    server.request('/.well-known/jwks.json'),
    server.request('/api/auth/me', { token: `${token}x` }),
  ])
  const [login, me] = answers
  return {
    statuses: answers.map(({ status }) => status),
    codes: [login, me].map((answer) => answer?.json().error?.code),
    waits: [login, me].map((answer) => Number(answer?.headers.get('retry-after'))),
  }
}

const away = {
  statuses: [503, 503, 503, 200, 200, 401],
  codes: ['UNAVAILABLE', 'UNAVAILABLE'],
  waits: [1, 1],
}
const back = { statuses: [200, 200, 200, 200, 200, 401] }

test.each([
  ['is cut off from', 'cut'],
  ['hears nothing more of', 'fallSilent'],
] as const)(
  'a node that %s its database answers 503 with Retry-After, serves what needs none, and comes back by itself',
  { timeout: 60_000 },
  async (_, befall) => {
    const node = await serverBehindWay()
    const verifier = createVerifier({ issuer: `http://localhost:${node.server.port}` })
    onTestFinished(verifier.close)
    await verifier.verify(node.token)
    expect(await answersOf(node)).toMatchObject(back)

    node.way[befall]()
    const withoutDatabase = await answersOf(node)
    const verified = await verifier.verify(node.token)
    node.way.mend()

    expect(withoutDatabase).toEqual(away)
    expect(verified.email).toBe(credentials.email)
    await expect.poll(() => answersOf(node), { timeout: 15_000 }).toMatchObject(back)
    expect(node.server.child.exitCode).toBeNull()
    expect(node.server.stdout() + node.server.stderr()).not.toContain('word%2Fof')
  },
)

test('[ASVS 13.2.6] with every connection in use a request waits for DATABASE_CONNECT_TIMEOUT, then gets 503', async () => {
  const folder = temporaryFolder()
  const server = await serve({
    folder,
    settings: {
      DATABASE_POOL_SIZE: '2',
      DATABASE_CONNECT_TIMEOUT: '1s',
      DATABASE_LOCK_TIMEOUT: '20s',
      DATABASE_STATEMENT_TIMEOUT: '20s',
      MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'),
    },
  })
  const signup = await server.request('/api/auth/signup', { body: credentials })
  const { token } = signup.json()
  const blocker = new pg.Client({ connectionString: databaseOf(folder) })
  await blocker.connect()
  onTestFinished(() => blocker.end())

  await blocker.query('begin; lock table users in access exclusive mode')
  const holders = [1, 2].map(() => server.request('/api/auth/me', { token }))
  const waiting = "select from pg_locks where not granted and relation = 'users'::regclass"
  await expect.poll(async () => (await blocker.query(waiting)).rowCount, { timeout: 10_000 }).toBe(2)
  const askedAt = performance.now()
  const refused = await server.request('/api/auth/me', { token })
  const waited = performance.now() - askedAt
  await blocker.query('commit')
  const held = await Promise.all(holders)

  expect([signup.status, refused.status, refused.json().error.code]).toEqual([201, 503, 'UNAVAILABLE'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(waited).toBeGreaterThan(900)
  expect(waited).toBeLessThan(10_000)
  expect(held.map(({ status }) => status)).toEqual([200, 200])
})
