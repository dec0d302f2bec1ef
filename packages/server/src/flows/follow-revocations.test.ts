import { expect, test, vi } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, callerOf, testHouse } from '../testing/test-house.ts'

const revoked = { code: 'AUTH_REVOKED' }

test('a logout at one server is known to another on the same database within 100 ms [ASVS 8.3.2]', {
  retry: 2,
}, async () => {
  const here = await fileHouse()
  const there = await testHouse({ DATABASE_URL: `sqlite:${here.path}` })
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

  const there = await testHouse({ DATABASE_URL: `sqlite:${here.path}` })

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

test('after() gives every end that is known, and a subscriber hears of news until its signal', async () => {
  const house = await testHouse()
  let heard = 0
  const until = new AbortController()
  const onNews = () => {
    heard += 1
  }
  const end = async () => {
    const { accessToken } = await house.auth.logIn(ada)
    const caller = await callerOf(house, accessToken)
    await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
    return caller.sessionId
  }
  await house.auth.signUp(ada)
  const before = await end()
  house.revocations.subscribe({ onNews, onClose: () => {} }, until.signal)
  const after = await end()
  until.abort()
  const unheard = await end()

  const [first, ...rest] = house.revocations.after(0, 10)
  expect([first, ...rest].map((known) => known?.sessionId)).toEqual([before, after, unheard])
  expect(house.revocations.after(first?.sequence ?? 0, 1)).toEqual(rest.slice(0, 1))
  expect(heard).toBe(1)
})

test('an end is told of for ten minutes after its last token has died, for verifiers that are lenient or lag', async () => {
  const house = await testHouse({ ACCESS_TOKEN_TTL: '60s' })
  const { accessToken } = await house.auth.signUp(ada)
  const caller = await callerOf(house, accessToken)
  await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
  house.clock.advance(60 + 599)
  await house.revocations.catchUp()
  const justBefore = house.revocations.isRevoked(caller.sessionId)
  house.clock.advance(62)
  await house.revocations.catchUp()

  const afterwards = house.revocations.isRevoked(caller.sessionId)

  expect([justBefore, afterwards]).toEqual([true, false])
})
