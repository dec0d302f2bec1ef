import { expect, test } from 'vitest'
import { fileHouse } from '../../test/database-file.ts'
import { originAt, testHouse } from '../testing/test-house.ts'

const operator = originAt('local')
const client = originAt('192.0.2.9')

test('addApi() answers a credential that lets its API in', async () => {
  const { auth } = await testHouse()

  const { api, credential } = await auth.addApi({ name: 'tasks', origin: operator })

  expect(credential).toMatch(/^lka_[\w-]{43}$/)
  const caller = await auth.authenticateApi({ name: 'tasks', credential, origin: client })
  expect(caller).toEqual({ id: api.id, name: 'tasks' })
})

test('addApi() stores the digest of the credential, and the credential nowhere', async () => {
  const { auth, database, lines } = await fileHouse()

  const { credential } = await auth.addApi({ name: 'tasks', origin: operator })

  const stored = JSON.stringify([database.rows('select * from api_credentials'), database.events(), lines])
  expect(stored).toContain('tasks')
  expect(stored).not.toContain(credential.slice(4))
})

test.each(['', 'Tasks', 'tasks:api', 'a'.repeat(65)])(
  'addApi() refuses the name %j and makes nothing',
  async (name) => {
    const { auth } = await testHouse()

    const adding = auth.addApi({ name, origin: operator })

    await expect(adding).rejects.toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'name' }] })
    expect(await auth.listApis()).toEqual([])
  },
)

test('addApi() refuses a name that was ever given: the audit log tells deeds apart by it', async () => {
  const { auth } = await testHouse()
  await auth.addApi({ name: 'tasks', origin: operator })
  await auth.revokeApi({ name: 'tasks', origin: operator })

  const again = auth.addApi({ name: 'tasks', origin: operator })

  await expect(again).rejects.toMatchObject({ code: 'CONFLICT_NAME' })
})

test('addApi() of one name by many at once is done once, with one line', async () => {
  const { auth, database } = await fileHouse()

  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, () => auth.addApi({ name: 'tasks', origin: operator })),
  )

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(database.events()).toHaveLength(1)
})

test('revokeApi() refuses the credential from then on, and leaves the others', async () => {
  const { auth } = await testHouse()
  const tasks = await auth.addApi({ name: 'tasks', origin: operator })
  const mail = await auth.addApi({ name: 'mail', origin: operator })

  const { isChanged } = await auth.revokeApi({ name: 'tasks', origin: operator })

  const ask = ({ credential }: typeof tasks) => auth.authenticateApi({ name: undefined, credential, origin: client })
  expect(isChanged).toBe(true)
  await expect(ask(tasks)).rejects.toMatchObject({ code: 'AUTH_API_INVALID' })
  await expect(ask(mail)).resolves.toMatchObject({ name: 'mail' })
})

test('revokeApi() of a credential that is revoked changes nothing, and leaves no line', async () => {
  const { auth, clock, database } = await fileHouse()
  await auth.addApi({ name: 'tasks', origin: operator })
  const first = await auth.revokeApi({ name: 'tasks', origin: operator })
  clock.advance(60)

  const second = await auth.revokeApi({ name: 'tasks', origin: operator })

  expect(second).toEqual({ api: first.api, isChanged: false })
  expect(database.events().map(({ event_type }) => event_type)).toEqual(['api_added', 'api_revoked'])
})

test('revokeApi() of a name that nobody has is refused', async () => {
  const { auth } = await testHouse()

  const revoking = auth.revokeApi({ name: 'tasks', origin: operator })

  await expect(revoking).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('listApis() tells every API in the order of the names, and no digest', async () => {
  const { auth, clock } = await testHouse()
  for (const name of ['tasks', 'mail']) await auth.addApi({ name, origin: operator })

  const listed = await auth.listApis()

  const facts = { id: expect.any(String), createdAt: clock.now(), lastUsedAt: undefined, revokedAt: undefined }
  expect(listed).toStrictEqual([
    { ...facts, name: 'mail' },
    { ...facts, name: 'tasks' },
  ])
})
