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

test('a subscriber hears of every end that is known, then of each new one, until its signal', async () => {
  const house = await testHouse()
  const heard: string[] = []
  const until = new AbortController()
  const listener = {
    onEnds: (ends: readonly { sessionId: string }[]) => heard.push(...ends.map(({ sessionId }) => sessionId)),
    onClose: () => {},
  }
  const end = async () => {
    const { accessToken } = await house.auth.logIn(ada)
    const caller = await callerOf(house, accessToken)
    await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
    return caller.sessionId
  }
  await house.auth.signUp(ada)
  const before = await end()
  house.revocations.subscribe(listener, until.signal)
  const after = await end()
  until.abort()
  await end()

  expect(heard).toEqual([before, after])
})
