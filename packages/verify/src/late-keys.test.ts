import type { Server } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { authenticateOwner as onExpress } from './express.ts'
import { authenticateOwner as onFastify } from './fastify.ts'
import { authenticateOwner as onFetch } from './fetch.ts'
import { authenticateOwner as onHono } from './hono.ts'
import { bearer } from './testing/guarded.ts'
import { sendRaw, serve, serving } from './testing/server.ts'
import { ada, bob, es256Key, issuer, startOfTime, tokenOf } from './testing/tokens.ts'
import { createVerifier, type Verifier } from './verifier.ts'

const key = es256Key()
const path = '/api/:user_id/tasks'

/** A verifier that must wait for its keys whenever it meets its first token. */
function waitingVerifier(): Verifier {
  const keys = async () => {
    await setTimeout(20)
    return { keys: [key.jwk] }
  }
  return createVerifier({ issuer, keys, revocations: 'off', now: () => startOfTime * 1_000 })
}

const doors = {
  Express: async (verifier: Verifier) =>
    serve(express().get(path, onExpress(verifier), (_, answer) => void answer.send())),
  Hono: async (verifier: Verifier) =>
    serving(createAdaptorServer(new Hono().get(path, onHono(verifier), (c) => c.body(null))) as Server),
  Fastify: async (verifier: Verifier) => {
    const app = fastify()
    app.register(async (owned) => {
      await owned.register(onFastify(verifier))
      owned.get(path, async () => '')
    })
    await app.ready()
    return serving(app.server)
  },
  fetch: async (verifier: Verifier) => {
    const judge = onFetch(verifier)
    const answer = async (request: Request) => {
      const { refusal } = await judge(request, new URL(request.url).pathname.split('/')[2])
      return refusal ?? new Response()
    }
    return serving(createAdaptorServer({ fetch: answer }) as Server)
  },
}

test.each(Object.entries(doors))('%s judges alike when the keys are still on their way', async (_, open) => {
  const statusOf = async (user: string, token: string) => {
    const server = await open(waitingVerifier())
    onTestFinished(() => server.close())
    return (await sendRaw(server.port, `/api/${user}/tasks`, [bearer(token)])).status
  }

  expect(await statusOf(ada, tokenOf(key))).toBeLessThan(300)
  expect(await statusOf(bob, tokenOf(key))).toBe(403)
  expect(await statusOf(ada, tokenOf(es256Key()))).toBe(401)
})
