import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ada, callerOf } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

const rows = 3_000

test('logins go on while thousands of expired rows are removed', async () => {
  const house = await fileHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const { userId } = await callerOf(house, accessToken)
  house.database.run(`
    with recursive many(n) as (select 1 union all select n + 1 from many where n < ${rows})
    insert into sessions (id, user_id, created_at, last_used_at, expires_at, access_expires_at, ip_address, user_agent)
      select 'session ' || n, '${userId}', 1, 1, 2, 2, '', '' from many;
    with recursive many(n) as (select 1 union all select n + 1 from many where n < ${rows})
    insert into refresh_tokens (digest, session_id, created_at, expires_at)
      select 'token ' || n, 'session ' || n, 1, 2 from many;`)
  const left = () => Number(house.database.rows<{ n: number }>('select count(*) as n from sessions')[0]?.n)
  const seen = [left()]
  let isDone = false
  let logins = 0

  const removing = house.expiry.run().finally(() => {
    isDone = true
  })
  while (!isDone) {
    await house.auth.logIn(ada)
    logins += 1
    seen.push(left() - logins)
    await setTimeout(1)
  }
  await removing

  const removedAtOnce = seen.slice(1).map((count, at) => Number(seen[at]) - count)
  expect(house.expiry.removedRows()).toMatchObject({ sessions: rows, refresh_tokens: rows })
  expect(logins).toBeGreaterThan(3)
  expect(removedAtOnce.filter((removed) => removed > 0).length).toBeGreaterThan(3)
})
