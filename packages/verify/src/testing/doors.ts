import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express, { type RequestHandler } from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import * as onExpress from '../express.ts'
import * as onFastify from '../fastify.ts'
import * as onFetch from '../fetch.ts'
import * as onHono from '../hono.ts'
import type { Verifier } from '../verifier.ts'
import { serve, serving, type TestServer } from './server.ts'

/** The paths of requests that a guard let pass, in any door. */
export const handled: string[] = []

/**
 * One app for each way to guard one, each by the adapter of its framework: `/api/:user_id/tasks` for the owner, `/me` for whoever is
 * signed in, and `/forgotten`, which is guarded for an owner and names none. What has middleware of its own labels the
 * answer before the guard, if the request asks for it: with the id that `X-Label` names, and as one that may be cached.
 */
export const doors = {
  Express: (verifier) => serve(expressApp(verifier)),
  Hono: (verifier) => serving(createAdaptorServer({ fetch: honoApp(verifier).fetch }) as Server),
  'Hono, by the handler': (verifier) => serving(createAdaptorServer({ fetch: honoWrapped(verifier).fetch }) as Server),
  Fastify: openFastify,
  fetch: (verifier) => serving(createAdaptorServer({ fetch: fetchHandler(verifier) }) as Server),
} satisfies Record<string, (verifier: Verifier) => Promise<TestServer>>

/** Below `/mounted/:user_id` is a router that merges parameters, below `/unmerged/:user_id` one that does not. */
function expressApp(verifier: Verifier) {
  const app = express()
  const handle: RequestHandler = (request, response) => {
    handled.push(request.path)
    response.json({ user: request.claims.user_id })
  }
  app.use((request, response, next) => {
    const label = request.get('x-label')
    if (label !== undefined) response.set({ 'x-request-id': label, 'cache-control': 'public' })
    next()
  })
  app.get('/api/:user_id/tasks', onExpress.authenticateOwner(verifier), handle)
  app.get('/forgotten', onExpress.authenticateOwner(verifier), handle)
  app.get('/me', onExpress.authenticate(verifier), handle)
  const mounted = express.Router({ mergeParams: true })
  app.use('/mounted/:user_id', mounted)
  mounted.use(onExpress.authenticateOwner(verifier)).get('/tasks', handle)
  const unmerged = express.Router()
  app.use('/unmerged/:user_id', unmerged)
  unmerged.use(onExpress.authenticateOwner(verifier)).get('/tasks', handle)
  return app
}

export function honoApp(verifier: Verifier) {
  const app = new Hono<{ Variables: onHono.LatchkeyVariables }>()
  app.use((context, next) => {
    const label = context.req.header('x-label')
    if (label !== undefined) {
      context.header('x-request-id', label)
      context.header('cache-control', 'public')
    }
    return next()
  })
  app.use('/api/:user_id/*', onHono.authenticateOwner(verifier))
  app.use('/forgotten', onHono.authenticateOwner(verifier))
  app.use('/me', onHono.authenticate(verifier))
  return app.on('GET', ['/api/:user_id/tasks', '/forgotten', '/me'], (context) => {
    handled.push(context.req.path)
    return context.json({ user: context.get('claims')?.user_id })
  })
}

/** No middleware at all: Hono calls what is wrapped directly. */
export function honoWrapped(verifier: Verifier) {
  const handle = (context: Context<{ Variables: onHono.LatchkeyVariables }>) => {
    handled.push(context.req.path)
    return context.json({ user: context.var.claims.user_id })
  }
  return new Hono()
    .on('GET', ['/api/:user_id/tasks', '/forgotten'], onHono.withOwnerAuthentication(verifier, handle))
    .get('/me', onHono.withAuthentication(verifier, handle))
}

async function openFastify(verifier: Verifier): Promise<TestServer> {
  const app = fastify()
  const handle = async (request: FastifyRequest) => {
    handled.push(request.url)
    return { user: request.claims.user_id }
  }
  app.addHook('onRequest', async (request, reply) => {
    const label = request.headers['x-label']
    if (label !== undefined) reply.headers({ 'x-request-id': label, 'cache-control': 'public' })
  })
  app.register(async (owned) => {
    await owned.register(onFastify.authenticateOwner(verifier))
    owned.get('/api/:user_id/tasks', handle)
  })
  app.register(async (careless) => {
    // Not awaited, so the route is there before the guard can look at it.
    careless.register(onFastify.authenticateOwner(verifier))
    careless.get('/forgotten', handle)
  })
  app.register(async (signedIn) => {
    await signedIn.register(onFastify.authenticate(verifier))
    signedIn.get('/me', handle)
  })
  await app.ready()
  return serving(app.server)
}

function fetchHandler(verifier: Verifier): (request: Request) => Promise<Response> {
  const judge = onFetch.authenticate(verifier)
  const judgeOwner = onFetch.authenticateOwner(verifier)
  return async (request) => {
    const { pathname } = new URL(request.url)
    const { claims, refusal } = await (pathname === '/me' ? judge(request) : judgeOwner(request, ownerIn(pathname)))
    if (refusal) return refusal
    handled.push(pathname)
    return Response.json({ user: claims.user_id })
  }
}

/** A router that decodes, as many do. */
function ownerIn(path: string): string | undefined {
  const segment = /^\/api\/([^/]+)\/tasks$/.exec(path)?.[1]
  return segment === undefined ? undefined : decodeURIComponent(segment)
}
