import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ada, callerOf } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

type House = Awaited<ReturnType<typeof fileHouse>>

/** The tables that grow with users. The others have a few rows, and reading all of them is what is asked. */
const bigTables = /"(users|known_networks|sessions|refresh_tokens|revocations|auth_events)"/

/** How this engine tells of its statements and plans: another one needs these three. */
const sqlite = {
  /** Listens from now on. Answers what was prepared until asked. */
  listen: () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare')
    onTestFinished(() => prepare.mockRestore())
    return () => prepare.mock.calls.map(([sql]) => sql)
  },
  plan: ({ database }: House, sql: string) =>
    database.rows<{ detail: string }>(`explain query plan ${sql}`).map(({ detail }) => detail),
  /** Reads a whole table or index, or builds one, or sorts what it found. */
  isSlow: (step: string) => /^SCAN (?!CONSTANT ROW|always)|USE TEMP B-TREE|AUTOMATIC/.test(step),
}

/** Everything that is done at requests or all the time, once. */
async function doEverything(house: House): Promise<void> {
  const { auth, verifier, refusals, revocations, request, expiry } = house
  const { origin } = ada
  const signedUp = await auth.signUp(ada)
  const caller = await callerOf(house, signedUp.accessToken)
  const stranger = { ...origin, network: '192.0.2.77' }
  await auth.logIn({ ...ada, password: 'WrongPass123', origin: stranger }).catch(() => undefined)
  const other = await auth.logIn(ada)
  const { refreshToken } = await auth.refreshSession({ refreshToken: signedUp.refreshToken, origin })
  await auth.refreshSession({ refreshToken: signedUp.refreshToken, origin })
  await auth.readProfile(caller)
  await auth.listSessions(caller)
  const { nextCursor } = await auth.listEvents({ caller, cursor: undefined, limit: 1 })
  await auth.listEvents({ caller, cursor: nextCursor, limit: 1 })
  await auth.introspectToken(refreshToken)
  await auth.introspectToken(signedUp.accessToken)
  await auth.endSession({ caller, sessionId: (await callerOf({ verifier }, other.accessToken)).sessionId, origin })
  await auth.logOut({ caller, scope: 'others', origin })
  await auth.changePassword({ caller, currentPassword: ada.password, newPassword: 'AnotherGood1', origin })
  await auth.logOut({ caller, scope: 'local', origin })
  refusals.count(origin, { type: 'rate_limited', failureReason: 'login' })
  await refusals.flush()
  await revocations.catchUp()
  await request('/.well-known/status-lists/0')
  await expiry.run()
}

test('every statement of a request, of the polls and of the removal finds its rows by an index, and sorts none', async () => {
  const statements = sqlite.listen()
  const house = await fileHouse({ RATE_LIMIT_ACCOUNT: '10/hour' })

  await doEverything(house)

  const asked = [...new Set(statements())].filter((sql) => bigTables.test(sql) && !/^create|^alter/.test(sql))
  const slow = asked.flatMap((sql) =>
    sqlite
      .plan(house, sql)
      .filter(sqlite.isSlow)
      .map((step) => ({ sql, step })),
  )
  // The session list sorts the live sessions of one user: they are few, and all are counted anyway.
  const mayBeSlow = (sql: string, step: string) => /order by "last_used_at"/.test(sql) && !/^SCAN \w/.test(step)
  expect(slow.filter(({ sql, step }) => !mayBeSlow(sql, step))).toEqual([])
  for (const hot of [
    /left join "users" on "users"."email" = \?/,
    /from "known_networks" where/,
    /insert into "sessions"/,
    /update "refresh_tokens"/,
    /from "sessions" inner join "users"/,
    /from "auth_events" where "user_id" = \? and "sequence" < \?/,
    /from "revocations" where "sequence" > \?/,
    /delete from "refresh_tokens"/,
    /delete from "revocations"/,
  ]) {
    expect(asked.filter((sql) => hot.test(sql))).not.toEqual([])
  }
})

test.each(['select * from users where last_login = 1', 'select * from users order by id, last_login'])(
  'the plan of %s is known as slow',
  async (sql) => {
    const house = await fileHouse()

    const plan = sqlite.plan(house, sql)

    expect(plan.some(sqlite.isSlow)).toBe(true)
  },
)
