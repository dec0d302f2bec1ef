import { DatabaseSync } from 'node:sqlite'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { ada } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

const credentials = { email: ada.email, password: ada.password }

/** Another process that holds the write lock until it is told to let go. */
function holdWriteLock(path: string): () => void {
  const holder = new DatabaseSync(path)
  onTestFinished(() => holder.close())
  holder.exec('begin immediate')
  return () => holder.exec('commit')
}

test('a login waits for the write of another process without holding up the event loop', async () => {
  const house = await fileHouse()
  await house.auth.signUp(ada)
  const letGo = holdWriteLock(house.path)
  const login = house.request('/api/auth/login', { body: credentials })
  await setTimeout(100)
  const startedAt = performance.now()
  await setImmediate()
  const heldUpMilliseconds = performance.now() - startedAt
  letGo()

  const answer = await login

  expect(answer.status).toBe(200)
  expect(heldUpMilliseconds).toBeLessThan(50)
})

test('a database that stays locked is answered with 503, tokens are verified meanwhile, and then all is well [ASVS 16.5.2]', async () => {
  const house = await fileHouse()
  const { accessToken } = await house.auth.signUp(ada)
  const letGo = holdWriteLock(house.path)

  const refused = await house.request('/api/auth/login', { body: credentials })
  const claims = await house.verifier.verify(accessToken)
  letGo()
  const served = await house.request('/api/auth/login', { body: credentials })

  expect(refused.status).toBe(503)
  expect(refused.json().error.code).toBe('UNAVAILABLE')
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(claims.email).toBe(ada.email)
  expect(served.status).toBe(200)
})
