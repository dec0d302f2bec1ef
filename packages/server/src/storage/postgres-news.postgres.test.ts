import { createHash } from 'node:crypto'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { newId } from '../crypto/secrets.ts'
import type { SessionId } from '../domain/session.ts'
import type { UserId } from '../domain/user.ts'
import { freshDatabase, lookInto, openTestDatabase } from '../testing/test-database.ts'

const now = Date.UTC(2026, 0, 1)
const logout = { at: now, reason: 'logout' } as const

/** A node that tells, one that listens, and what the second was told. */
async function tellerAndListener(parameters: (url: URL) => void = () => {}) {
  const url = new URL(await freshDatabase())
  const database = lookInto(url.href)
  const schema = url.searchParams.get('options')?.split('=')[1] ?? ''
  parameters(url)
  const [teller, listener] = [openTestDatabase(url.href), openTestDatabase(url.href)]
  const ends: number[] = []
  const changes: (string | undefined)[] = []
  return {
    ...teller,
    database,
    schema,
    news: listener.news,
    ends,
    changes,
    listen: () =>
      listener.news.listen({
        onEnds: (sequence) => void ends.push(sequence),
        onChange: (reason) => void changes.push(reason && String((reason.cause as Error).message)),
      }),
  }
}

type Teller = Awaited<ReturnType<typeof tellerAndListener>>

async function aSession({ store }: Teller): Promise<SessionId> {
  const [userId, id] = [newId() as UserId, newId() as SessionId]
  const user = { id: userId, email: `${userId}@example.com`, passwordHash: 'hash', createdAt: now, isActive: true }
  await store.users.insert({ ...user, lastLoginAt: undefined })
  const instants = { createdAt: now, lastUsedAt: now, expiresAt: now + 1000, accessExpiresAt: now + 1000 }
  await store.sessions.insert({ id, userId, ...instants, ipAddress: '192.0.2.1', userAgent: 'test' })
  return id
}

async function untilHeard({ news, listen }: Teller): Promise<void> {
  listen()
  await expect.poll(news.isHeard, { timeout: 10_000 }).toBe(true)
}

/** In every schema the functions of the product's come before those of Postgres. */
function ownFunctionsFirst(url: URL): void {
  url.searchParams.set('options', `${url.searchParams.get('options')},pg_catalog`)
}

function notifyThat(body: string): string {
  return `create function pg_notify(text, text) returns void language plpgsql as $$ begin ${body} end $$`
}

test('revoke() tells listeners the number of the end when the transaction commits, and not before', async () => {
  const nodes = await tellerAndListener()
  const [first, second] = [await aSession(nodes), await aSession(nodes)]
  await untilHeard(nodes)

  const heardInside = await nodes.store.transaction(async (inside) => {
    await inside.sessions.revoke(first, logout)
    await nodes.store.users.findByEmail('nobody@example.com')
    return [...nodes.ends]
  })
  await nodes.store.sessions.revoke(second, logout)

  await expect.poll(() => nodes.ends, { timeout: 5000 }).toEqual([1, 2])
  expect(heardInside).toEqual([])
})

test('revoke() in a transaction that is undone tells nobody', async () => {
  const nodes = await tellerAndListener()
  const [first, second] = [await aSession(nodes), await aSession(nodes)]
  await untilHeard(nodes)
  const undone = nodes.store.transaction(async (inside) => {
    await inside.sessions.revoke(first, logout)
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')

  await nodes.store.sessions.revoke(second, logout)

  await expect.poll(() => nodes.ends, { timeout: 5000 }).toEqual([2])
})

test('listen() hears nothing of another schema of the same database', async () => {
  const nodes = await tellerAndListener()
  const neighbours = await tellerAndListener()
  const [own, theirs] = [await aSession(nodes), await aSession(neighbours)]
  await untilHeard(nodes)
  await neighbours.store.sessions.revoke(theirs, logout)

  await nodes.store.sessions.revoke(own, logout)

  await expect.poll(() => nodes.ends, { timeout: 5000 }).toHaveLength(1)
})

test('listen() whose connection is ended says so without a password, and hears again by itself', async () => {
  const nodes = await tellerAndListener()
  const session = await aSession(nodes)
  await untilHeard(nodes)
  const name = createHash('md5').update(nodes.schema).digest('hex')

  nodes.database.rows(
    `select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen "latchkey_${name}"'`,
  )

  await expect.poll(() => nodes.changes, { timeout: 10_000 }).toEqual([undefined, expect.any(String), undefined])
  expect(nodes.changes[1]).toMatch(/^Cannot use DATABASE_URL "postgres:\/\/[^:@]+@[^"]+": /)
  await nodes.store.sessions.revoke(session, logout)
  await expect.poll(() => nodes.ends, { timeout: 5000 }).toEqual([1])
})

test('listen() on an engine that takes LISTEN and tells nothing is not believed', async () => {
  const nodes = await tellerAndListener(ownFunctionsFirst)
  nodes.database.run(notifyThat(''))
  const session = await aSession(nodes)
  nodes.listen()

  const isEnded = await nodes.store.sessions.revoke(session, logout)

  // Beyond the time that a greeting may take.
  await expect.poll(() => attempts(nodes), { timeout: 10_000, interval: 100 }).toBeGreaterThan(1)
  expect([isEnded, nodes.news.isHeard(), nodes.changes]).toEqual([true, false, []])
})

test('listen() on an engine that refuses LISTEN asks again later, and ends are told of by nobody', async () => {
  const engine = await engineWithoutListen()
  const nodes = await tellerAndListener(engine.leadThere)
  const session = await aSession(nodes)
  nodes.listen()

  const isEnded = await nodes.store.sessions.revoke(session, logout)

  await expect.poll(engine.refusals, { timeout: 10_000 }).toBeGreaterThan(1)
  expect([isEnded, nodes.news.isHeard(), nodes.changes, nodes.ends]).toEqual([true, false, [], []])
})

/** On the way to it the word is made one that no engine knows. */
async function engineWithoutListen() {
  let refusals = 0
  let target: URL | undefined
  const door = createServer((near) => {
    const far = connect(Number(target?.port), target?.hostname)
    near.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      if (text.includes('listen "')) refusals += 1
      far.write(text.replace('listen "', 'lisp64 "'), 'latin1')
    })
    far.pipe(near)
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  await new Promise<void>((done) => door.listen(0, '127.0.0.1', done))
  onTestFinished(() => void door.close())
  return {
    refusals: () => refusals,
    leadThere: (url: URL) => {
      target = new URL(url)
      url.host = `127.0.0.1:${(door.address() as AddressInfo).port}`
    },
  }
}

/** How often the node has connected to listen. */
function attempts({ database, schema }: Teller): number {
  const name = createHash('md5').update(schema).digest('hex')
  const query = `select pid::int as pid from pg_stat_activity where query = 'listen "latchkey_${name}"'`
  for (const { pid } of database.rows<{ pid: number }>(query)) seen.add(pid)
  return seen.size
}
const seen = new Set<number>()

test('revoke() on an engine that has no NOTIFY ends the session all the same, every time', async () => {
  const nodes = await tellerAndListener(ownFunctionsFirst)
  nodes.database.run(notifyThat(`raise 'there is no NOTIFY';`))
  const sessions = [await aSession(nodes), await aSession(nodes)]

  const answers: boolean[] = []
  for (const session of sessions) answers.push(await nodes.store.sessions.revoke(session, logout))

  const ends = await nodes.store.revocations.after(0, { now, limit: 10 })
  expect([answers, ends.map(({ sessionId }) => sessionId)]).toEqual([[true, true], sessions])
})
