import { expect, test } from 'vitest'
import { run } from './processes.ts'
import { becomes, outcomeOf, survivingServer, verifierOf } from './surviving.ts'

test('latchkey restored ends every session while a server runs, and verifiers that follow it learn it at once', async () => {
  const server = await survivingServer()
  server.connect()
  const verifier = verifierOf(server.url, { maxStalenessSeconds: 30 })
  const before = await server.logIn()
  await verifier.verify(before)

  const { code, stdout } = await run(['restored'], server.surroundings)

  expect([code, stdout]).toEqual([0, 'Ended 2 sessions: every token of before is void, everyone logs in again\n'])
  await becomes(verifier, before, 'AUTH_REVOKED')
  await becomes(verifier, await server.logIn(), 'accepted')
  expect(await outcomeOf(verifier, before)).toBe('AUTH_REVOKED')
})
