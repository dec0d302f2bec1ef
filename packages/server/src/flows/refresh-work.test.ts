import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { newId } from '../crypto/secrets.ts'
import { countingStore } from '../testing/counting-store.ts'
import { openTestDatabase } from '../testing/test-database.ts'
import { ada, callerOf } from '../testing/test-house.ts'
import type { Deps } from './deps.ts'
import { refreshSession } from './refresh-session.ts'

const { origin } = ada
const refused = { code: 'AUTH_REFRESH_INVALID' }

/** Ada, who has refreshed once, in a house whose refresh tokens are idle for an hour and whose sessions last two. */
async function houseOfAda() {
  const house = await fileHouse({ REFRESH_TOKEN_TTL: '1h', SESSION_TTL: '2h' })
  const used = await house.auth.signUp(ada)
  const unused = await house.auth.refreshSession({ ...used, origin })
  const caller = await callerOf(house, used.accessToken)
  const logOut = () => house.auth.logOut({ caller, scope: 'local', origin })
  return { ...house, used, unused, logOut }
}

type House = Awaited<ReturnType<typeof houseOfAda>>

/** The flow on the same database. Something else may be done between its look at a token and its transaction. */
function refreshBeside({ databaseUrl, clock }: House, between: () => Promise<unknown> = async () => {}) {
  const { store, asked } = countingStore(openTestDatabase(databaseUrl).store)
  const transaction: Deps['store']['transaction'] = async (work) => {
    asked.push('transaction')
    await between()
    return store.transaction(work)
  }
  const lifetimes = {
    accessTokenSeconds: 900,
    refreshTokenSeconds: 3_600,
    sessionSeconds: 7_200,
    reuseGraceSeconds: 10,
  }
  const deps: Partial<Deps> = {
    store: { ...store, transaction },
    now: clock.now,
    newId,
    lifetimes,
    refusals: { count() {}, flush: async () => {} },
  }
  const refresh = (refreshToken: string) => refreshSession(deps as Deps, { refreshToken, origin })
  return { refresh, asked }
}

test.each(['', 'no token', `lkr_${'A'.repeat(16_000)}`])(
  'refreshSession() asks the database nothing of what cannot be a refresh token (%#)',
  async (token) => {
    const { refresh, asked } = refreshBeside(await houseOfAda())

    await expect(refresh(token)).rejects.toMatchObject(refused)

    expect(asked).toEqual([])
  },
)

const hour = 3_600

test.each<[what: string, token: (house: House) => unknown]>([
  ['unknown', () => `lkr_${'A'.repeat(43)}`],
  ['idle for too long', ({ unused, clock }) => clock.advance(hour) ?? unused.refreshToken],
  ['of a session that is too old', ({ used, clock }) => clock.advance(2 * hour) ?? used.refreshToken],
  ['of a session that has ended', async ({ unused, logOut }) => (await logOut()) ?? unused.refreshToken],
  ['used, of a session that has ended', async ({ used, logOut }) => (await logOut()) ?? used.refreshToken],
])('refreshSession() asks once about a token that is %s, and opens no transaction', async (_, prepare) => {
  const house = await houseOfAda()
  const token = String(await prepare(house))
  const { refresh, asked } = refreshBeside(house)

  await expect(refresh(token)).rejects.toMatchObject(refused)

  expect(asked).toEqual(['refreshTokens.find'])
})

test.each<[what: string, token: (house: House) => string]>([
  ['that was not used', ({ unused }) => unused.refreshToken],
  ['that was used', ({ used }) => used.refreshToken],
])('refreshSession() refuses a token %s where its session ends just before the transaction', async (_, tokenOf) => {
  const house = await houseOfAda()
  const { refresh } = refreshBeside(house, house.logOut)

  const attempt = refresh(tokenOf(house))

  await expect(attempt).rejects.toMatchObject(refused)
})

test('refreshSession() says why the session of a token that came back has ended', async () => {
  const house = await houseOfAda()
  house.clock.advance(60)

  await expect(house.auth.refreshSession({ ...house.used, origin })).rejects.toMatchObject(refused)

  expect(house.database.rows('select revoked_reason as reason from sessions')).toEqual([{ reason: 'refresh_reused' }])
})
