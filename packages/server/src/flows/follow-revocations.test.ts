import { expect, onTestFinished, test, vi } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import type { SessionId } from '../domain/session.ts'
import type { Store } from '../domain/store.ts'
import { ada, callerOf, testHouse } from '../testing/test-house.ts'
import { followRevocations } from './follow-revocations.ts'

const revoked = { code: 'AUTH_REVOKED' }

function indexOf(accessToken: string): number {
  return JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).status.status_list.idx
}

test('a logout at one server is known to another on the same database within 100 ms [ASVS 8.3.2]', {
  retry: 2,
}, async () => {
  const here = await fileHouse()
  const there = await testHouse({ DATABASE_URL: here.databaseUrl })
  const { accessToken } = await here.auth.signUp(ada)
  await there.verifier.verify(accessToken)

  await here.auth.logOut({ caller: await callerOf(here, accessToken), scope: 'local', origin: ada.origin })

  const verify = () => there.verifier.verify(accessToken).catch((error) => error)
  await vi.waitFor(async () => expect(await verify()).toMatchObject(revoked), { timeout: 100, interval: 5 })
})

test('a server that starts later knows of the logouts before', async () => {
  const here = await fileHouse()
  const { accessToken } = await here.auth.signUp(ada)
  await here.auth.logOut({ caller: await callerOf(here, accessToken), scope: 'local', origin: ada.origin })

  const there = await testHouse({ DATABASE_URL: here.databaseUrl })

  await expect(there.verifier.verify(accessToken)).rejects.toMatchObject(revoked)
})

test('a verifier that cannot ask the database for half a minute refuses every token [ASVS 16.5.3]', async () => {
  const house = await fileHouse()
  const { accessToken } = await house.auth.signUp(ada)
  await house.verifier.verify(accessToken)
  house.revocations.close()
  house.database.run('alter table revocations rename to gone')
  house.clock.advance(31)

  const verification = house.verifier.verify(accessToken)

  await expect(verification).rejects.toMatchObject({ code: 'REVOCATIONS_STALE' })
})

test('a subscriber hears of every end after its cursor, then of each new one, until its signal', async () => {
  const house = await testHouse()
  const heard: number[] = []
  const until = new AbortController()
  const listener = {
    onEnds: (ends: readonly { index: number }[]) => heard.push(...ends.map(({ index }) => index)),
    onGap: () => {},
    onClose: () => {},
  }
  const end = async () => {
    const { accessToken } = await house.auth.logIn(ada)
    const caller = await callerOf(house, accessToken)
    await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
    return indexOf(accessToken)
  }
  await house.auth.signUp(ada)
  await end()
  const before = await end()
  house.revocations.subscribe(listener, { after: 1, until: until.signal })
  const after = await end()
  until.abort()
  await end()

  expect(heard).toEqual([before, after])
})

test.each([
  ['from the future', 4],
  ['older than the recent ends', 0],
])('a subscriber whose cursor is %s hears of a gap', async (_, after) => {
  const { store, places } = storeWithEnds(3)
  const feed = followRevocations({ store, news: silence, places, log: silent, now: () => 0, recentEnds: 1 })
  const heard: string[] = []
  onTestFinished(feed.close)
  await feed.catchUp()

  const listener = { onEnds: () => heard.push('ends'), onGap: () => heard.push('gap'), onClose: () => {} }
  feed.subscribe(listener, { after, until: new AbortController().signal })

  expect(heard).toEqual(['gap'])
})

test('a subscriber without a cursor begins now', async () => {
  const { store, places } = storeWithEnds(3)
  const feed = followRevocations({ store, news: silence, places, log: silent, now: () => 0 })
  const heard: string[] = []
  onTestFinished(feed.close)
  await feed.catchUp()

  const listener = { onEnds: () => heard.push('ends'), onGap: () => heard.push('gap'), onClose: () => {} }
  feed.subscribe(listener, { after: undefined, until: new AbortController().signal })

  expect(heard).toEqual([])
})

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** As many ends as told, of sessions that stand at their own numbers. */
function storeWithEnds(count: number) {
  const ends = Array.from({ length: count }, (_, at) => ({
    sequence: at + 1,
    sessionId: '' as SessionId,
    sessionNumber: at + 1,
    accessExpiresAt: 1,
  }))
  const after = async (sequence: number) => ends.slice(sequence)
  const store = {
    revocations: { after, bounds: async () => ({ since: 0, newest: count, firstList: 0 }) },
  } as unknown as Store
  return { store, places: async (index: number) => ({ list: 0, index }) }
}

/** A database that tells of nothing by itself. */
const silence = { isHeard: () => false, listen: () => {}, close: async () => {} }
