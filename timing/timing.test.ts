import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLine } from './exchange.ts'
import { askOnce, emailOf, rightPassword, type Server, startServer, wrongPassword } from './site.ts'

/** A server on a new database, with one account. */
async function start(sabotage?: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-timing-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const server = await startServer({ folder, cost: 4, sabotage })
  onTestFinished(server.stop)
  const body = { email: emailOf('known', 0), password: rightPassword }
  await askOnce(server, { path: '/api/auth/signup', body })
  return server
}

async function hashesOf(server: Server, email: string): Promise<number> {
  const before = await computed(server)
  const line = await openLine(server.port)
  await line.ask({ path: '/api/auth/login', body: { email, password: wrongPassword } })
  line.close()
  return (await computed(server)) - before
}

/** How many hashes the server says it has computed. */
async function computed(server: Server): Promise<number> {
  const { body } = await askOnce(server, { method: 'GET', path: '/metrics' })
  return Number(/^latchkey_password_hash_duration_seconds_count (\d+)$/m.exec(body)?.[1])
}

test('a wrong password costs a hash, and an unknown email as much', async () => {
  const server = await start()

  const hashes = [await hashesOf(server, emailOf('known', 0)), await hashesOf(server, emailOf('ghost', 0))]

  expect(hashes).toEqual([1, 1])
})

test('an unknown email costs no hash on the server that the measurement must find out', async () => {
  const server = await start('no-decoy')

  const hashes = [await hashesOf(server, emailOf('known', 0)), await hashesOf(server, emailOf('ghost', 0))]

  expect(hashes).toEqual([1, 0])
})
