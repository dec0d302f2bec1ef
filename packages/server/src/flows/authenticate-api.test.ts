import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { originAt } from '../testing/test-house.ts'

const operator = originAt('local')
const client = originAt('192.0.2.9')
const unknown = `lka_${'A'.repeat(43)}`

/** A house with two APIs, and what the audit log says of what comes after. */
async function houseWithApis(settings: Record<string, string> = {}) {
  const house = await fileHouse(settings)
  const { credential } = await house.auth.addApi({ name: 'tasks', origin: operator })
  const mail = await house.auth.addApi({ name: 'mail', origin: operator })
  const ask = (shown: { name?: string; credential?: string | undefined }, origin = client) =>
    house.auth.authenticateApi({ name: shown.name, credential: shown.credential, origin })
  const refused = async () => {
    await house.refusals.flush()
    return house.database
      .rows('select event_type, failure_reason, api_name, ip_address, count from auth_events')
      .slice(2)
  }
  return { ...house, credential, mail: mail.credential, ask, refused }
}

type House = Awaited<ReturnType<typeof houseWithApis>>

const changedEnd = (text: string) => text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A')

const wrong: [what: string, reason: string, shown: (house: House) => Parameters<House['ask']>[0]][] = [
  ['no credential', 'unknown', () => ({})],
  ['a credential that nobody has', 'unknown', () => ({ credential: unknown })],
  ['a credential that is none', 'unknown', () => ({ credential: 'secret' })],
  ['a credential that differs in its end', 'unknown', ({ credential }) => ({ credential: changedEnd(credential) })],
  [
    'the stored digest, from who reads the database',
    'unknown',
    ({ database }) => {
      const [row] = database.rows<{ digest: string }>('select digest from api_credentials')
      return { credential: `lka_${row?.digest}` }
    },
  ],
  ['the name of another API', 'wrong_name', ({ credential }) => ({ name: 'mail', credential })],
  ['a name that nobody has', 'wrong_name', ({ credential }) => ({ name: 'notes', credential })],
  ['an empty name', 'wrong_name', ({ credential }) => ({ name: '', credential })],
]

test.each(wrong)('authenticateApi() refuses %s, and the audit log says why: %s', async (_, reason, shown) => {
  const house = await houseWithApis()

  const asking = house.ask(shown(house))

  await expect(asking).rejects.toMatchObject({ code: 'AUTH_API_INVALID', details: undefined })
  const api_name = reason === 'unknown' ? null : 'tasks'
  expect(await house.refused()).toEqual([
    { event_type: 'api_refused', failure_reason: reason, api_name, ip_address: client.address, count: 1 },
  ])
})

test('authenticateApi() refuses a revoked credential, and the audit log says whose it was', async () => {
  const house = await houseWithApis()
  await house.auth.revokeApi({ name: 'tasks', origin: operator })

  const asking = house.ask({ name: 'tasks', credential: house.credential })

  await expect(asking).rejects.toMatchObject({ code: 'AUTH_API_INVALID' })
  expect(await house.refused()).toMatchObject([
    { event_type: 'api_revoked' },
    { event_type: 'api_refused', failure_reason: 'revoked', api_name: 'tasks' },
  ])
})

test('authenticateApi() lets in by the credential alone, or with its own name', async () => {
  const { ask, credential } = await houseWithApis()

  const callers = [await ask({ credential }), await ask({ name: 'tasks', credential })]

  expect(callers.map(({ name }) => name)).toEqual(['tasks', 'tasks'])
})

test('authenticateApi() counts refusals of one address in one line', async () => {
  const { ask, refused } = await houseWithApis()
  for (let number = 0; number < 5; number++) await ask({ credential: unknown }).catch(() => undefined)
  await ask({ credential: unknown }, originAt('198.51.100.1')).catch(() => undefined)

  const lines = await refused()

  expect(lines).toMatchObject([
    { ip_address: client.address, count: 5 },
    { ip_address: '198.51.100.1', count: 1 },
  ])
})

test('authenticateApi() stops an address that guesses, before anything is looked up, and no other [RFC7662-4b]', async () => {
  const { ask, credential } = await houseWithApis({ RATE_LIMIT_INTROSPECT: '3/minute' })
  for (let number = 0; number < 3; number++) await ask({ credential: unknown }).catch(() => undefined)

  const good = ask({ credential })
  const elsewhere = ask({ credential }, originAt('198.51.100.1'))

  await expect(good).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', quota: { name: 'introspect' } })
  await expect(elsewhere).resolves.toMatchObject({ name: 'tasks' })
})

test('authenticateApi() counts a good credential wherever it is used from, and each by itself', async () => {
  const { ask, credential, mail } = await houseWithApis({ RATE_LIMIT_INTROSPECT: '3/minute' })
  for (const address of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) await ask({ credential }, originAt(address))

  const fourth = ask({ credential }, originAt('198.51.100.4'))
  const another = ask({ credential: mail })

  await expect(fourth).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
  await expect(another).resolves.toMatchObject({ name: 'mail' })
})

test('authenticateApi() counts no good credential against its address', async () => {
  const { ask, credential, mail } = await houseWithApis({ RATE_LIMIT_INTROSPECT: '3/minute' })
  for (let number = 0; number < 3; number++) await ask({ credential })
  for (let number = 0; number < 2; number++) await ask({ credential: mail })

  const third = ask({ credential: mail })

  await expect(third).resolves.toMatchObject({ name: 'mail' })
})

test('authenticateApi() notes when a credential was used, to the minute, without a write for each request', async () => {
  const { ask, auth, clock, credential } = await houseWithApis()
  const lastUse = async () => (await auth.listApis()).find(({ name }) => name === 'tasks')?.lastUsedAt
  await ask({ credential })
  const first = clock.now()
  clock.advance(59)
  await ask({ credential })
  const stillFirst = await lastUse()
  clock.advance(1)

  await ask({ credential })

  expect(stillFirst).toBe(first)
  expect(await lastUse()).toBe(clock.now())
})
