import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { newId } from '../crypto/secrets.ts'
import type { SessionId } from '../domain/session.ts'
import type { Store } from '../domain/store.ts'
import type { UserId } from '../domain/user.ts'
import { freshDatabase, openTestDatabase } from '../testing/test-database.ts'

const now = Date.UTC(2026, 0, 1)
const logout = { at: now, reason: 'logout' } as const

/** Two nodes on one database, and a user with two sessions. */
async function twoNodes() {
  const url = await freshDatabase()
  const [here, there] = [openTestDatabase(url).store, openTestDatabase(url).store]
  const userId = newId() as UserId
  const user = { id: userId, email: 'ada@example.com', passwordHash: 'hash', createdAt: now, isActive: true }
  await here.users.insert({ ...user, lastLoginAt: undefined })
  const [first, second] = [await sessionOf(here, userId), await sessionOf(here, userId)]
  return { here, there, userId, first, second }
}

async function sessionOf(store: Store, userId: UserId): Promise<SessionId> {
  const id = newId() as SessionId
  const instants = { createdAt: now, lastUsedAt: now, expiresAt: now + 1000, accessExpiresAt: now + 1000 }
  await store.sessions.insert({ id, userId, ...instants, ipAddress: '192.0.2.1', userAgent: 'test' })
  return id
}

test('sessions.revoke() in a transaction that commits late is never skipped by who reads after the last number', async () => {
  const { here, there, first, second } = await twoNodes()
  const [isNumbered, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const late = here.transaction(async (inside) => {
    await inside.sessions.revoke(first, logout)
    isNumbered.resolve()
    await mayCommit.promise
  })
  await isNumbered.promise
  const early = there.transaction((inside) => inside.sessions.revoke(second, logout))
  const readings: string[] = []
  let cursor = 0
  const readOn = async () => {
    const page = await there.revocations.after(cursor, { now, limit: 10 })
    readings.push(...page.map(({ sessionId }) => sessionId))
    cursor = page.at(-1)?.sequence ?? cursor
  }

  // Long enough for the second to commit, if it did not wait for its turn.
  for (let count = 0; count < 10; count++) {
    await setTimeout(20)
    await readOn()
  }
  mayCommit.resolve()
  await Promise.all([late, early])
  await readOn()

  expect(readings).toEqual([first, second])
})

test('refreshTokens.use() at two nodes at once lets one of twenty win', async () => {
  const { here, there, first } = await twoNodes()
  await here.refreshTokens.insert({ digest: 'digest', sessionId: first, createdAt: now, expiresAt: now + 1000 })

  const uses = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      (at % 2 ? here : there).transaction((inside) =>
        inside.refreshTokens.use('digest', { at: now, successorSealed: `sealed ${at}` }),
      ),
    ),
  )

  expect(uses.filter((use) => use !== undefined)).toEqual([first])
})

test('sessions.findLive() inside a transaction lets nobody end the session before it is over', async () => {
  const { here, there, first } = await twoNodes()
  const [isHeld, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const order: string[] = []
  const refresh = here.transaction(async (inside) => {
    await inside.sessions.findLive(first, now)
    isHeld.resolve()
    await mayCommit.promise
    await inside.sessions.recordUse(first, { at: now, accessExpiresAt: now + 900_000 })
    order.push('refresh')
  })
  await isHeld.promise
  const end = there.sessions.revoke(first, logout).then(() => order.push('end'))
  await setTimeout(100)
  mayCommit.resolve()

  await Promise.all([refresh, end])

  const [ended] = await here.revocations.after(0, { now, limit: 10 })
  expect(order).toEqual(['refresh', 'end'])
  expect(ended?.accessExpiresAt).toBe(now + 900_000)
})

test('transaction() that waits for another which waits for it is tried again, and both are done', async () => {
  const { here, there, first, second } = await twoNodes()
  const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const runs: string[] = []
  const cross = (store: Store, name: string, [mine, other]: [SessionId, SessionId], [own, others] = held) =>
    store.transaction(async (inside) => {
      runs.push(name)
      const isLive = await inside.sessions.findLive(mine, now)
      own?.resolve()
      await others?.promise
      return isLive !== undefined && inside.sessions.revoke(other, logout)
    })

  const answers = await Promise.all([
    cross(here, 'here', [first, second]),
    cross(there, 'there', [second, first], held.toReversed()),
  ])

  expect(answers.toSorted()).toEqual([false, true])
  expect(runs).toHaveLength(3)
})
