import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { fileHouse } from '../../../test/database-file.ts'
import { testHouse } from '../../testing/test-house.ts'

const path = 'http://localhost:8000/api/auth/revocations'

test('GET /api/auth/revocations lets one network open 256 streams, and shuts nobody else out', async () => {
  const { app } = await testHouse()
  const open = async (remoteAddress: string) => app.fetch(new Request(path), { remoteAddress })
  const streams = await Promise.all(Array.from({ length: 256 }, () => open('192.0.2.1')))

  const oneMore = await open('192.0.2.1')
  const another = await open('192.0.2.2')
  await streams[0]?.body?.cancel()
  const inItsPlace = await open('192.0.2.1')

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
  const response = await house.app.fetch(new Request(path), { remoteAddress: '192.0.2.1' })
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
