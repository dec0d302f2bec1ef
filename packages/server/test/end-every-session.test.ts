import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { operator } from '../src/cli/operator.ts'
import { onSqlite } from '../src/testing/test-database.ts'
import { ada, bob, testHouse } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

test('endEverySession() ends the sessions of everyone, who may log in again [ASVS 7.4.5]', async () => {
  const { auth, verifier } = await testHouse()
  const pairs = [await auth.signUp(ada), await auth.logIn(ada), await auth.signUp(bob)]
  for (const { accessToken } of pairs) await verifier.verify(accessToken)

  const count = await auth.endEverySession(operator())

  expect(count).toBe(3)
  for (const pair of pairs) {
    await expect(verifier.verify(pair.accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
    const refresh = auth.refreshSession({ ...pair, origin: ada.origin })
    await expect(refresh).rejects.toMatchObject({ code: 'AUTH_REFRESH_INVALID' })
  }
  await expect(auth.logIn(bob)).resolves.toBeDefined()
})

/** Sessions of the one user there is, in the database alone. */
function addSessions({ database }: Awaited<ReturnType<typeof fileHouse>>, count: number): void {
  const end = Date.now() + 86_400_000
  database.run(`
    with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ${count})
    insert into sessions (id, user_id, created_at, last_used_at, expires_at, access_expires_at, ip_address, user_agent)
    select 'made-' || n, users.id, 1, 1, ${end}, ${end}, '192.0.2.1', 'made' from counted, users`)
}

const living = 'select count(*) as count from sessions where revoked_at is null'

test('endEverySession() ends sessions that are many pieces, each once, and leaves one line', async () => {
  const house = await fileHouse()
  await house.auth.signUp(ada)
  addSessions(house, 4_500)

  const counts = [await house.auth.endEverySession(operator()), await house.auth.endEverySession(operator())]

  expect(counts).toEqual([4_501, 0])
  expect(house.database.rows('select count(*) as count from revocations')).toEqual([{ count: 4_501 }])
  expect(house.database.rows('select distinct revoked_reason as reason from sessions')).toEqual([
    { reason: 'sessions_revoked' },
  ])
  expect(house.database.events().filter(({ event_type }) => event_type === 'sessions_revoked')).toHaveLength(2)
})

test('endEverySession() lets a login in between its pieces, whose session stays', async () => {
  const house = await fileHouse()
  await house.auth.signUp(ada)
  addSessions(house, 30_500)
  let isDone = false
  const ending = house.auth.endEverySession(operator()).finally(() => {
    isDone = true
  })
  await setTimeout(10)

  const { accessToken } = await house.auth.logIn(ada)

  expect(isDone).toBe(false)
  expect(await ending).toBe(30_501)
  expect((await house.verifier.verify(accessToken)).email).toBe(ada.email)
})

onSqlite('endEverySession() that breaks off ends the rest when it is asked again', async () => {
  const house = await fileHouse()
  await house.auth.signUp(ada)
  addSessions(house, 4_500)
  house.database.run(`create trigger broken before insert on revocations when new.session_number > 4000
    begin select raise(abort, 'no room'); end`)

  await expect(house.auth.endEverySession(operator())).rejects.toThrow('no room')
  const left = house.database.rows(living)
  house.database.run('drop trigger broken')
  const ended = await house.auth.endEverySession(operator())

  expect(left).toEqual([{ count: 501 }])
  expect(ended).toBe(501)
  expect(house.database.rows(living)).toEqual([{ count: 0 }])
})
