import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { fileHouse } from '../../../test/database-file.ts'
import { ada, callerOf, testHouse } from '../../testing/test-house.ts'

const path = '/api/auth/revocations'

type House = Awaited<ReturnType<typeof testHouse>>

afterEach(() => {
  vi.useRealTimers()
})

const open = async ({ app }: Pick<House, 'app'>, headers: Record<string, string> = {}, method = 'GET') =>
  app.fetch(new Request(`http://localhost:8000${path}`, { headers, method }), {})

const openFrom = async ({ app }: Pick<House, 'app'>, remoteAddress: string) =>
  app.fetch(new Request(`http://localhost:8000${path}`), { remoteAddress })

/** Signs somebody in and out. Answers which session that was. */
async function endOne(house: House): Promise<string> {
  const { accessToken } = await house.auth.logIn(ada)
  const caller = await callerOf(house, accessToken)
  await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
  return caller.sessionId
}

async function houseWithAda() {
  const house = await testHouse()
  await house.auth.signUp(ada)
  return house
}

/** What a stream has told so far, and whether it is at its end. */
async function read(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  reader?.releaseLock()
  return new TextDecoder().decode(value)
}

test('GET /api/auth/revocations tells every end that is known, and then that it is up to date', async () => {
  const house = await houseWithAda()
  const sid = await endOne(house)

  const response = await open(house)

  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const exp = house.clock.now() / 1000 + 86_400
  expect(await read(response)).toBe(`event: revoked\nid: 1\ndata: {"sessions":[{"sid":"${sid}","exp":${exp}}]}\n\n`)
  expect(await read(response)).toBe('event: current\nid: 1\ndata: {}\n\n')
})

test('GET /api/auth/revocations tells a new end when it is committed', async () => {
  const house = await houseWithAda()
  const response = await open(house)
  await read(response)

  const sid = await endOne(house)

  expect(await read(response)).toContain(sid)
})

test.each([
  ['1', ['event: revoked\nid: 2']],
  ['2', []],
  ['3', ['event: revoked\nid: 2']],
  ['no number', ['event: revoked\nid: 2']],
  ['-1', ['event: revoked\nid: 2']],
])(
  'GET /api/auth/revocations goes on after the Last-Event-ID %j, where it can be one of ours',
  async (id, expected) => {
    const house = await houseWithAda()
    await endOne(house)
    await endOne(house)

    const response = await open(house, { 'last-event-id': id })

    const first = await read(response)
    expect(first).toContain(expected[0] ?? 'event: current\nid: 2')
  },
)

test('GET /api/auth/revocations tells ids and dates, and nothing of anybody', async () => {
  const house = await houseWithAda()
  const { userId } = await house.auth.logIn(ada)
  await endOne(house)

  const told = await read(await open(house))

  expect(told).not.toContain(userId)
  expect(told).not.toContain('ada')
})

test('a stream ends when the server closes, and nothing of it goes on', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const house = await houseWithAda()
  const response = await open(house)
  await read(response)
  const before = vi.getTimerCount()

  house.revocations.close()

  expect(await response.body?.getReader().read()).toEqual({ done: true, value: undefined })
  expect(vi.getTimerCount()).toBe(before - 1)
  expect(() => vi.advanceTimersByTime(10_000)).not.toThrow()
})

test('a stream that its client leaves makes room for another', async () => {
  const house = await houseWithAda()
  for (let count = 0; count < 4096; count++) await (await open(house)).body?.cancel()

  const response = await open(house)

  expect(response.status).toBe(200)
})

test('HEAD /api/auth/revocations opens no stream', async () => {
  const house = await houseWithAda()
  for (let count = 0; count < 4096; count++) await open(house, {}, 'HEAD')

  const response = await open(house)

  expect(response.status).toBe(200)
})

test('the 4097th stream is refused as too much, and told when to come back', async () => {
  const house = await houseWithAda()
  for (let count = 0; count < 4096; count++) await openFrom(house, `198.51.100.${count % 16}`)

  const response = await open(house)

  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('5')
  expect(await response.json()).toMatchObject({ error: { code: 'OVERLOADED' } })
})

test('GET /api/auth/revocations lets one network open 256 streams, and shuts nobody else out', async () => {
  const house = await testHouse()
  const streams = await Promise.all(Array.from({ length: 256 }, () => openFrom(house, '192.0.2.1')))

  const oneMore = await openFrom(house, '192.0.2.1')
  const another = await openFrom(house, '192.0.2.2')
  await streams[0]?.body?.cancel()
  const inItsPlace = await openFrom(house, '192.0.2.1')

  expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))
  expect(oneMore.status).toBe(503)
  expect(oneMore.headers.get('retry-after')).toBe('5')
  expect([another.status, inItsPlace.status]).toEqual([200, 200])
})

test('a stream that is not read is given no more than fits, and everything when it is read', async () => {
  const house = await fileHouse()
  house.database.run(
    `insert into revocations (session_id, access_expires_at, created_at)
     with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
     select printf('%08x-0000-4000-8000-000000000000', i), 99999999999999, 0 from n`,
  )
  let given = 0
  const { after } = house.revocations
  house.revocations.after = (sequence, limit) => {
    const ends = after(sequence, limit)
    given += ends.length
    return ends
  }
  const response = await open(house)
  await setImmediate()
  const givenUnread = given
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()

  let text = ''
  while (!text.includes('event: current')) text += decoder.decode((await reader?.read())?.value, { stream: true })
  await reader?.cancel()

  expect(givenUnread).toBeLessThan(2_500)
  expect(text.match(/"sid"/g)).toHaveLength(20_000)
})
