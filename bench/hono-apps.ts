import { type Context, Hono } from 'hono'
import {
  authenticate,
  authenticateOwner,
  type LatchkeyVariables,
  withAuthentication,
  withOwnerAuthentication,
} from '../packages/verify/src/hono.ts'
import type { Verifier } from '../packages/verify/src/index.ts'

type Env = { Variables: LatchkeyVariables }

/** One route, `/api/:user_id/tasks`, with and without checks. Its handler is asynchronous, as one that asks a database is. */
export function honoApps(verifier: Verifier) {
  const answer = async (context: Context<Env>) => context.json({ tasks: [] })
  const app = () => new Hono<Env>()
  const seen = new Map<string | undefined, object>()
  return {
    unchecked: app().get('/api/:user_id/tasks', answer),
    middleware: app()
      .use('/api/*', async (_, next) => {
        await next()
      })
      .get('/api/:user_id/tasks', answer),
    // What it learns it never forgets, and it checks nothing: no check that remembers tokens can cost less.
    lookUp: app()
      .use('/api/*', async (context, next) => {
        const header = context.req.header('authorization')
        if (seen.get(header) === undefined) seen.set(header, {})
        await next()
      })
      .get('/api/:user_id/tasks', answer),
    authenticate: app().use('/api/*', authenticate(verifier)).get('/api/:user_id/tasks', answer),
    authenticateOwner: app().use('/api/:user_id/*', authenticateOwner(verifier)).get('/api/:user_id/tasks', answer),
    withAuthentication: app().get('/api/:user_id/tasks', withAuthentication(verifier, answer)),
    withOwnerAuthentication: app().get('/api/:user_id/tasks', withOwnerAuthentication(verifier, answer)),
  }
}
