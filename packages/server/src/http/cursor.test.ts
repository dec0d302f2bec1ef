import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ada, testHouse } from '../testing/test-house.ts'

type Page = { data: { id: string }[]; meta: { next_cursor: string | null } }

async function houseWithEvents(count: number) {
  const house = await testHouse()
  await house.auth.signUp(ada)
  for (let number = 2; number <= count; number++) await house.auth.logIn(ada)
  const { accessToken: token } = await house.auth.logIn(ada)
  const readPage = (query: Record<string, string>) =>
    house.request(`/api/auth/events?${new URLSearchParams(query)}`, { token })
  return { ...house, readPage }
}

test('whatever is sent as a cursor is one of the list or refused with 400, and never a fault', async () => {
  const { readPage } = await houseWithEvents(3)
  const hostile = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.uuid(),
    fc.base64String(),
    fc.double().map(String),
  )

  await fc.assert(
    fc.asyncProperty(hostile, async (cursor) => {
      const answer = await readPage({ cursor })

      expect(answer.status).toBe(400)
      expect(answer.json().error).toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'cursor' }] })
    }),
    { numRuns: 300 },
  )
})

test('whatever is sent as a limit is a whole number from 1 to 100 or refused with 400', async () => {
  const { readPage } = await houseWithEvents(1)

  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), async (limit) => {
      const isAllowed =
        /^[0-9]+$/.test(limit) && String(Number(limit)) === limit && Number(limit) >= 1 && Number(limit) <= 100

      const answer = await readPage({ limit })

      expect(answer.status).toBe(isAllowed ? 200 : 400)
    }),
    { numRuns: 300 },
  )
})

test('following next_cursor tells every event once, newest first, whatever the size of a page', async () => {
  const { readPage } = await houseWithEvents(9)
  const whole = ((await readPage({ limit: '100' })).json() as Page).data.map(({ id }) => id)

  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), async (size) => {
      const walked: string[] = []
      let cursor: string | null = null
      do {
        const answer = await readPage({ limit: String(size), ...(cursor === null ? {} : { cursor }) })
        const page: Page = answer.json()
        walked.push(...page.data.map(({ id }) => id))
        cursor = page.meta.next_cursor
      } while (cursor !== null)

      expect(walked).toEqual(whole)
    }),
    { numRuns: 24 },
  )
  expect(whole).toHaveLength(10)
})
