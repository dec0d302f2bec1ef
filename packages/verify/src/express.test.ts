import { expect, onTestFinished, test } from 'vitest'
import { doors, handled } from './testing/doors.ts'
import { adasToken, bearer, verifier } from './testing/guarded.ts'
import { sendRaw } from './testing/server.ts'
import { ada, bob } from './testing/tokens.ts'

test('authenticateOwner() guards a router that merges parameters, and answers 500 in one that does not', async () => {
  const server = await doors.Express(verifier)
  onTestFinished(() => server.close())
  handled.length = 0
  const own = await sendRaw(server.port, `/mounted/${ada}/tasks`, [bearer(adasToken)])
  const foreign = await sendRaw(server.port, `/mounted/${bob}/tasks`, [bearer(adasToken)])
  const unknowing = await sendRaw(server.port, `/unmerged/${ada}/tasks`, [bearer(adasToken)])

  expect([own.status, foreign.status, unknowing.status]).toEqual([200, 403, 500])
  expect(handled).toEqual(['/tasks'])
})
