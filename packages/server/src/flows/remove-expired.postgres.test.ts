import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { ada, callerOf, testHouse } from '../testing/test-house.ts'

const sessions = 2_000

/** Two nodes on one database, with sessions of Ada that are over. */
async function nodesWithExpiredSessions() {
  const one = await fileHouse()
  const other = await testHouse({ DATABASE_URL: one.databaseUrl })
  const { userId } = await callerOf(one, (await one.auth.signUp(ada)).accessToken)
  one.database.run(`
    insert into sessions (id, user_id, created_at, last_used_at, expires_at, access_expires_at, ip_address, user_agent)
      select 'session ' || n, '${userId}', 1, 1, 2, 2, '', '' from generate_series(1, ${sessions}) n;
    insert into refresh_tokens (digest, session_id, created_at, expires_at)
      select 'token ' || n, 'session ' || n, 1, 2 from generate_series(1, ${sessions}) n;
    insert into revocations (session_id, session_number, access_expires_at, created_at)
      select 'session ' || n, n, 2, 1 from generate_series(1, ${sessions}) n`)
  const removed = (table: string) => Number(one.expiry.removedRows()[table]) + Number(other.expiry.removedRows()[table])
  return { one, other, removed, database: one.database }
}

test('run() of two nodes at once removes every row once, and neither fails', async () => {
  const { one, other, removed } = await nodesWithExpiredSessions()

  await Promise.all([one.expiry.run(), other.expiry.run()])

  // The newest end stays: its number must not be given again.
  expect(['sessions', 'refresh_tokens', 'revocations'].map(removed)).toEqual([sessions, sessions, sessions - 1])
})

test('run() leaves a session that somebody holds until the next time, and waits for nobody', async () => {
  const { one, database } = await nodesWithExpiredSessions()
  const left = () => database.rows("select id from sessions where id like 'session %'")
  database.run(`begin; select id from sessions where id = 'session 7' for no key update`)

  await one.expiry.run()

  expect(left()).toEqual([{ id: 'session 7' }])
  database.run('rollback')
  await one.expiry.run()
  expect(left()).toEqual([])
})
