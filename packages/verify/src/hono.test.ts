import { Hono, type MiddlewareHandler } from 'hono'
import { expect, test } from 'vitest'
import { authenticate } from './hono.ts'
import { honoApp } from './testing/doors.ts'
import { adasToken, bobsToken, verifier } from './testing/guarded.ts'
import { ada } from './testing/tokens.ts'

test.each(['/forgets', '/throws', '/missing'])(
  'authenticate() leaves what Hono makes of %s as it is behind any middleware',
  async (path) => {
    const plain: MiddlewareHandler = async (_, next) => {
      await next()
    }
    const answerBehind = async (guard: MiddlewareHandler) => {
      const app = new Hono()
      app.onError(({ message }, context) => context.text(message, 500))
      app.use(guard)
      app.get('/forgets', (() => undefined) as never)
      app.get('/throws', () => Promise.reject(new Error('mine')))
      const answer = await app.request(path, { headers: { authorization: `Bearer ${adasToken}` } })
      return { status: answer.status, text: await answer.text() }
    }

    expect(await answerBehind(authenticate(verifier))).toEqual(await answerBehind(plain))
  },
)

test('authenticateOwner() works where Hono runs without Node', async () => {
  const app = honoApp(verifier)
  const request = (...values: string[]) => {
    const headers = new Headers(values.map((value) => ['authorization', value]))
    return app.request(`/api/${ada}/tasks`, { headers })
  }

  expect((await request(`Bearer ${adasToken}`)).status).toBe(200)
  expect((await request(`Bearer ${bobsToken}`)).status).toBe(403)
  expect((await request(`Bearer ${adasToken}`, `Bearer ${adasToken}`)).status).toBe(400)
  expect((await request()).status).toBe(401)
})
