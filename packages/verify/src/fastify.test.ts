import fastify from 'fastify'
import { expect, test } from 'vitest'
import { authenticate, authenticateOwner } from './fastify.ts'
import { adasToken, verifier } from './testing/guarded.ts'
import { ada, bob } from './testing/tokens.ts'

const handle = async () => 'handled'

test('authenticateOwner() throws at start for a route without a user id', async () => {
  const other = fastify()
  await other.register(authenticateOwner(verifier))

  expect(() => other.get('/api/tasks', handle)).toThrow(
    'Cannot guard the route "GET /api/tasks": it has no parameter ":user_id"',
  )
  expect(() => other.get('/api/:user_identity/tasks', handle)).toThrow('Cannot guard the route')
  expect(() => other.get('/api/x:user_id/tasks', handle)).toThrow('Cannot guard the route')
  expect(() => other.get('/api/:user_id/tasks', handle)).not.toThrow()
})

test('authenticateOwner() looks for another parameter when told to', async () => {
  const other = fastify()
  await other.register(authenticateOwner(verifier, { parameter: 'owner' }))
  other.get('/:owner', handle)
  const ask = (id: string) => other.inject({ url: `/${id}`, headers: { authorization: `Bearer ${adasToken}` } })

  expect((await ask(ada)).statusCode).toBe(200)
  expect((await ask(bob)).statusCode).toBe(403)
})

test('authenticateOwner() on the whole instance asks for a token before it says 404', async () => {
  const other = fastify()
  await other.register(authenticateOwner(verifier))

  expect((await other.inject({ url: '/none' })).statusCode).toBe(401)
  const signedIn = await other.inject({ url: '/none', headers: { authorization: `Bearer ${adasToken}` } })
  expect(signedIn.statusCode).toBe(404)
})

test('authenticate() and authenticateOwner() can guard one inside the other', async () => {
  const outer = fastify()
  await outer.register(authenticate(verifier))
  await outer.register(async (inner) => {
    await inner.register(authenticateOwner(verifier))
    inner.get('/:user_id', handle)
  })
  const ask = (id: string) => outer.inject({ url: `/${id}`, headers: { authorization: `Bearer ${adasToken}` } })

  expect(outer.hasRequestDecorator('claims')).toBe(true)
  expect((await ask(ada)).statusCode).toBe(200)
  expect((await ask(bob)).statusCode).toBe(403)
})
