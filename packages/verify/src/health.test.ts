import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import { health as expressHealth } from './express.ts'
import { health as fastifyHealth } from './fastify.ts'
import { health, healthOf } from './health.ts'
import { health as honoHealth } from './hono.ts'
import { currentEvent, testIssuer } from './testing/issuer.ts'
import { deadAddress, serve, serving } from './testing/server.ts'
import { claimsOf, es256Key, startOfTime, tokenOf } from './testing/tokens.ts'
import { createVerifier, type Verifier } from './verifier.ts'
import type { VerifierOptions } from './verifier-options.ts'

const key = es256Key()
const credential = `lka_${'A'.repeat(43)}`
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function followed(options: Partial<VerifierOptions> = {}) {
  const clock = { seconds: startOfTime }
  const issuer = await testIssuer({ keys: [key.jwk] })
  endings.push(issuer.close)
  const verifier = createVerifier({ issuer: issuer.url, now: () => clock.seconds * 1_000, ...options })
  endings.push(verifier.close)
  const listener = issuer.nextListener()
  void listener.then(({ send }) => send(currentEvent('0')))
  await verifier.ready()
  return { issuer, verifier, clock, listener }
}

test('healthOf() tells lag, cursor, memory and hits where tokens can be judged, and nothing of anybody', async () => {
  const { issuer, verifier } = await followed({ credential })
  const token = tokenOf(key, { claims: claimsOf({ iss: issuer.url }) })
  await verifier.verify(token)
  verifier.verifyNow(token)

  const { status, body, headers } = await healthOf(verifier)

  expect(status).toBe(200)
  expect(headers).toEqual({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  expect(body).toEqual({
    status: 'ok',
    keys: 2,
    revocations: 'fresh',
    lag_seconds: expect.any(Number),
    cursor: '0',
    memory_bytes: verifier.status().revocations?.memoryBytes,
    hits: 1,
    misses: 1,
  })
  expect(body.lag_seconds).toBeLessThan(30)
})

test('healthOf() is 503 while what is stale is refused, and says how old it is', async () => {
  const { verifier, clock } = await followed()
  clock.seconds += 60

  const { status, body } = await healthOf(verifier)

  expect(status).toBe(503)
  expect(body).toMatchObject({ status: 'unavailable', revocations: 'stale', cursor: '0' })
  expect(body.lag_seconds).toBeGreaterThanOrEqual(60)
})

test('healthOf() is 200 again when the stream proves that nothing is missing', async () => {
  const { verifier, clock, listener } = await followed()
  clock.seconds += 60
  const before = (await healthOf(verifier)).status

  const { send } = await listener
  send(currentEvent('0', 0.001))
  clock.seconds -= 60

  await expect.poll(async () => (await healthOf(verifier)).status).toBe(200)
  expect(before).toBe(503)
})

test('healthOf() is degraded and 200 where what is stale is accepted', async () => {
  const { verifier, clock } = await followed({ onStale: 'accept' })
  clock.seconds += 60

  await expect(healthOf(verifier)).resolves.toMatchObject({ status: 200, body: { status: 'degraded' } })
})

test('healthOf() is degraded where what is stale is introspected, and 503 where nobody answers that', async () => {
  const { issuer, verifier, clock } = await followed({ onStale: 'introspect', credential })
  issuer.answerQuestions((_, response) => response.end('{"active":false}'))
  clock.seconds += 60

  const answered = await healthOf(verifier)
  issuer.answerQuestions((_, response) => response.writeHead(503).end())
  const unanswered = await healthOf(verifier)

  expect(answered).toMatchObject({ status: 200, body: { status: 'degraded' } })
  expect(unanswered).toMatchObject({ status: 503, body: { status: 'unavailable' } })
})

test('healthOf() answers within a second where the issuer was never reached', async () => {
  const { url } = await deadAddress()
  const verifier = createVerifier({ issuer: url, keys: { keys: [key.jwk] } })
  endings.push(verifier.close)
  const settled = { isPast: false }
  const longer = setTimeout(() => (settled.isPast = true), 4_000)

  const { status, body } = await healthOf(verifier)

  clearTimeout(longer)
  expect(settled.isPast).toBe(false)
  expect(status).toBe(503)
  expect(body).toMatchObject({ status: 'unavailable', revocations: 'waiting', lag_seconds: null, cursor: null })
})

test('healthOf() leaves no timer behind that would keep the process alive', async () => {
  const verifier = createVerifier({ issuer: 'https://auth.example.com', keys: { keys: [key.jwk] }, revocations: 'off' })
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()

  await healthOf(verifier)

  expect(timers()).toBeLessThanOrEqual(before)
})

test('healthOf() tells nothing of revocations where they are off', async () => {
  const verifier = createVerifier({ issuer: 'https://auth.example.com', keys: { keys: [key.jwk] }, revocations: 'off' })

  const { status, body } = await healthOf(verifier)

  expect(status).toBe(200)
  expect(body).toEqual({
    status: 'ok',
    keys: 1,
    revocations: null,
    lag_seconds: null,
    cursor: null,
    memory_bytes: null,
    hits: 0,
    misses: 0,
  })
})

test('healthOf() fetches the keys that nobody needed yet', async () => {
  const { issuer, verifier } = await followed({ revocations: 'off' })

  const { status, body } = await healthOf(verifier)

  expect([status, body.keys]).toEqual([200, 2])
  expect(issuer.keySetRequests()).toBe(1)
})

const frameworks: [string, (verifier: Verifier) => Promise<string>][] = [
  [
    'Hono',
    async (verifier) => {
      const app = new Hono().get('/healthz', honoHealth(verifier))
      const server = await serving(createAdaptorServer({ fetch: app.fetch }) as Server)
      endings.push(server.close)
      return server.url
    },
  ],
  [
    'Express',
    async (verifier) => {
      const server = await serve(express().get('/healthz', expressHealth(verifier)))
      endings.push(server.close)
      return server.url
    },
  ],
  [
    'Fastify',
    async (verifier) => {
      const app = fastify().get('/healthz', fastifyHealth(verifier))
      endings.push(() => app.close())
      return app.listen({ host: '127.0.0.1', port: 0 })
    },
  ],
  [
    'plain fetch',
    async (verifier) => {
      const server = await serving(createAdaptorServer({ fetch: health(verifier) }) as Server)
      endings.push(server.close)
      return server.url
    },
  ],
]

test.each(frameworks)('health() of %s answers 200, and 503 when tokens cannot be judged any more', async (_, open) => {
  const { verifier } = await followed()
  const url = `${await open(verifier)}/healthz`

  const good = await fetch(url)
  verifier.close()
  const bad = await fetch(url)

  expect([good.status, bad.status]).toEqual([200, 503])
  expect(await good.json()).toMatchObject({ status: 'ok', revocations: 'fresh', cursor: '0' })
  expect(await bad.json()).toMatchObject({ status: 'unavailable', revocations: 'closed' })
  for (const { headers } of [good, bad]) {
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-store')
  }
})
