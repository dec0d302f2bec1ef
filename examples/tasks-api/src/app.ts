import { randomUUID } from 'node:crypto'
import type { Verifier } from '@latchkey/verify'
import { authenticateOwner, type LatchkeyVariables } from '@latchkey/verify/hono'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { readCompletion, readNewTask, readTaskChange } from './body.ts'
import { problemOf, Refusal } from './refusal.ts'
import type { Task, TaskStore, UserTasks } from './task-store.ts'

type Env = { Variables: LatchkeyVariables & { requestId: string } }

type Deps = {
  verifier: Verifier
  store: TaskStore
  /** Unix milliseconds. */
  now?: () => number
  /** Where faults go. */
  log?: Pick<Console, 'error'>
}

const maxBodyBytes = 16 * 1024

/** The API as a `fetch` handler. Nothing under `/api/{user_id}/` is reached but by that user. */
export function createApp({ verifier, store, now = Date.now, log = console }: Deps): Hono<Env> {
  const app = new Hono<Env>()
  const meta = () => ({ timestamp: new Date(now()).toISOString() })
  const answer = (c: Context<Env>, task: Task | undefined) => c.json({ data: found(task), meta: meta() })

  /** By the token, never by the path: a query cannot be about another user. */
  const tasksOf = (c: Context<Env>): UserTasks => store.tasksOf(c.get('claims').user_id)

  app.use(label)
  app.get('/healthz', async (c) => {
    await verifier.ready()
    return c.json({ status: 'ok', verifier: verifier.status() })
  })

  app.use('/api/:user_id/*', authenticateOwner(verifier))
  app.use('/api/:user_id/*', bodyLimit({ maxSize: maxBodyBytes, onError: refuseSize }))

  app.get('/api/:user_id/tasks', (c) => {
    const tasks = tasksOf(c).list()
    return c.json({ data: tasks, meta: { ...meta(), count: tasks.length } })
  })

  app.post('/api/:user_id/tasks', async (c) => {
    const { title } = await readNewTask(c)
    return c.json({ data: tasksOf(c).add(title), meta: meta() }, 201)
  })

  app.get('/api/:user_id/tasks/:id', (c) => answer(c, tasksOf(c).find(c.req.param('id'))))

  app.put('/api/:user_id/tasks/:id', async (c) =>
    answer(c, tasksOf(c).change(c.req.param('id'), await readTaskChange(c))),
  )

  app.delete('/api/:user_id/tasks/:id', (c) => {
    const id = c.req.param('id')
    if (!tasksOf(c).remove(id)) throw new Refusal('NOT_FOUND')
    return c.json({ data: { id }, meta: meta() })
  })

  app.patch('/api/:user_id/tasks/:id/complete', async (c) =>
    answer(c, tasksOf(c).change(c.req.param('id'), await readCompletion(c))),
  )

  app.all('/api/:user_id/tasks', refuseMethod('GET, HEAD, POST'))
  app.all('/api/:user_id/tasks/:id', refuseMethod('GET, HEAD, PUT, DELETE'))
  app.all('/api/:user_id/tasks/:id/complete', refuseMethod('PATCH'))
  app.notFound(() => {
    throw new Refusal('NOT_FOUND')
  })
  app.onError((thrown, c) => {
    const requestId = c.get('requestId')
    const { status, body } = problemOf(thrown, { requestId, now: now() })
    if (status === 500) log.error(`Request ${requestId} failed:`, thrown)
    if (status === 503) c.header('Retry-After', '1')
    return c.json(body, status)
  })
  return app
}

/** Gives each request its id, which the guards answer with too. */
const label: MiddlewareHandler<Env> = async (c, next) => {
  const requestId = randomUUID()
  c.set('requestId', requestId)
  c.header('X-Request-Id', requestId)
  c.header('X-Content-Type-Options', 'nosniff')
  c.header('Cache-Control', 'no-store')
  await next()
}

/** A task of another user and a task that never was are the same to whoever asks. */
function found(task: Task | undefined): Task {
  if (!task) throw new Refusal('NOT_FOUND')
  return task
}

function refuseSize(): never {
  throw new Refusal('PAYLOAD_TOO_LARGE')
}

function refuseMethod(allowed: string) {
  return (c: Context<Env>): never => {
    c.header('Allow', allowed)
    throw new Refusal('METHOD_NOT_ALLOWED')
  }
}
