import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createLatchkey } from 'latchkey'
import { expect, onTestFinished, test } from 'vitest'

/** An app with Latchkey at a path, on a free port. Both end with the test. */
async function mountedAt(path: string): Promise<string> {
  const latchkey = createLatchkey({
    databaseUrl: 'sqlite::memory:',
    publicUrl: 'http://localhost:8000',
    jwtSecret: 'only for tests: thirty-two bytes or more',
    logLevel: 'silent',
  })
  await latchkey.migrate()
  const app = express()
  app.use(path, latchkey.nodeListener)
  const server = app.listen(0, '127.0.0.1')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await latchkey.close()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each([
  ['/', '/healthz', 200],
  ['/api/auth', '/api/auth/me', 401],
  ['/api', '/api/auth/nothing?page=1', 404],
  ['/.well-known', '/.well-known/jwks.json', 200],
  ['/accounts', '/accounts/healthz?page=1', 200],
])('nodeListener at app.use(%j) answers %s', async (mount, path, status) => {
  const url = await mountedAt(mount)

  const answer = await fetch(url + path)

  expect(answer.status).toBe(status)
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})
