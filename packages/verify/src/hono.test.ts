import { type Context, type Handler, Hono, type MiddlewareHandler } from 'hono'
import type { hc, InferResponseType } from 'hono/client'
import { expect, expectTypeOf, test } from 'vitest'
import { authenticate, type LatchkeyVariables, withAuthentication } from './hono.ts'
import { honoApp, honoWrapped } from './testing/doors.ts'
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

test.each(['/forgets', '/throws', '/rejects'])(
  'withAuthentication() leaves what Hono makes of %s as it is without a check',
  async (path) => {
    const answerOf = async (wrap: (handler: Handler) => Handler) => {
      const app = new Hono()
      app.onError(({ message }, context) => context.text(message, 500))
      app.get('/forgets', wrap((() => undefined) as never))
      app.get(
        '/throws',
        wrap(() => {
          throw new Error('mine')
        }),
      )
      app.get(
        '/rejects',
        wrap(() => Promise.reject(new Error('mine'))),
      )
      const answer = await app.request(path, { headers: { authorization: `Bearer ${adasToken}` } })
      return { status: answer.status, text: await answer.text() }
    }

    expect(await answerOf((handler) => withAuthentication(verifier, handler))).toEqual(await answerOf((same) => same))
  },
)

test('withAuthentication() takes a handler that knows other variables too', async () => {
  type Labelled = { Variables: LatchkeyVariables & { label: string } }
  const app = new Hono<Labelled>()
  app.use(async (c, next) => {
    c.set('label', 'Ada is')
    await next()
  })
  app.get(
    '/me',
    withAuthentication(verifier, (c: Context<Labelled>) => c.text(`${c.get('label')} ${c.get('claims').user_id}`)),
  )

  const answer = await app.request('/me', { headers: { authorization: `Bearer ${adasToken}` } })

  expect(await answer.text()).toBe(`Ada is ${ada}`)
})

test('withAuthentication() types the claims and keeps the type of what the handler answers', () => {
  const app = new Hono().get(
    '/me',
    withAuthentication(verifier, (c) => c.json({ user: c.var.claims.user_id })),
  )

  expectTypeOf<InferResponseType<ReturnType<typeof hc<typeof app>>['me']['$get']>>().toEqualTypeOf<{ user: string }>()
})

test.each(Object.entries({ authenticateOwner: honoApp, withOwnerAuthentication: honoWrapped }))(
  '%s() works where Hono runs without Node',
  async (_, open) => {
    const app = open(verifier)
    const request = (...values: string[]) => {
      const headers = new Headers(values.map((value) => ['authorization', value]))
      return app.request(`/api/${ada}/tasks`, { headers })
    }

    expect((await request(`Bearer ${adasToken}`)).status).toBe(200)
    expect((await request(`Bearer ${bobsToken}`)).status).toBe(403)
    expect((await request(`Bearer ${adasToken}`, `Bearer ${adasToken}`)).status).toBe(400)
    expect((await request()).status).toBe(401)
  },
)

test.each([
  null,
  { incoming: null },
  { incoming: 'x' },
  { incoming: {} },
  { incoming: { rawHeaders: 'x', url: '/' } },
  { incoming: { rawHeaders: [], url: 1 } },
])('authenticateOwner() looks at the request where the environment holds no other: %j', async (environment) => {
  const headers = { authorization: `Bearer ${adasToken}` }

  const answer = await honoApp(verifier).fetch(
    new Request(`http://localhost/api/${ada}/tasks`, { headers }),
    environment,
  )

  expect(answer.status).toBe(200)
})
