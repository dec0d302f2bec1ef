import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Answer,
  askTokens,
  isListening,
  newCredentials,
  send,
  sendHalf,
  type Tokens,
} from '../../testing/client.ts'
import { type Program, startIssuer, startProgram, temporaryFolder } from '../../testing/program.ts'

const modes = [
  { mode: 'published keys', algorithm: 'ES256', secret: {} },
  { mode: 'a shared secret', algorithm: 'HS256', secret: { JWT_SECRET: 'only for tests: thirty-two bytes or more' } },
]

/** The promise: what a logout ends is over everywhere within a second. */
const logoutMilliseconds = 1_000

describe.each(modes)('The tasks API and a Latchkey server with $mode', ({ algorithm, secret }) => {
  const folder = temporaryFolder()
  let auth: Program
  let tasks: Program

  beforeAll(async () => {
    auth = await startIssuer(folder, secret)
    tasks = await startTasks(folder, auth, secret)
  })

  afterAll(async () => {
    await Promise.all([auth?.end('SIGKILL'), tasks?.end('SIGKILL')])
  })

  const signUp = () => askTokens(`${auth.url}/api/auth/signup`, newCredentials())
  const logOut = ({ token }: Tokens) => send(`${auth.url}/api/auth/logout`, { method: 'POST', token })
  const pathOf = ({ user_id }: Tokens) => `${tasks.url}/api/${user_id}/tasks`
  const list = (user: Tokens) => send(pathOf(user), { token: user.token })
  const add = (user: Tokens, title: string) => send(pathOf(user), { token: user.token, body: { title } })

  /** Asks again and again, until the answer is as wanted or the time is over. */
  const untilRefused = (user: Tokens, timeout: number) =>
    expect.poll(async () => (await list(user)).status, { interval: 1, timeout }).toBe(401)

  test(`signs tokens with ${algorithm}, and the backend accepts them`, async () => {
    const user = await signUp()

    const { status, body } = await list(user)

    expect(headerOf(user.token)).toMatchObject({ alg: algorithm, typ: 'at+jwt' })
    expect(status).toBe(200)
    expect(body).toMatchObject({ data: [], meta: { count: 0 } })
  })

  test('two users each add, list, read, rename, complete and delete a task, side by side', async () => {
    const users = [await signUp(), await signUp()]

    const stories = await Promise.all(users.map((user) => walk(pathOf(user), user)))

    for (const [at, { made, listed, read, renamed, completed, deleted, left }] of stories.entries()) {
      const { id } = made.body.data
      expect(made).toMatchObject({ status: 201, body: { data: { user_id: users[at]?.user_id, is_completed: false } } })
      expect(listed).toMatchObject({ status: 200, body: { data: [{ id }], meta: { count: 1 } } })
      expect(read).toMatchObject({ status: 200, body: { data: made.body.data } })
      expect(renamed).toMatchObject({ status: 200, body: { data: { id, title: 'Water the cactus' } } })
      expect(completed).toMatchObject({ status: 200, body: { data: { id, is_completed: true } } })
      expect(deleted).toMatchObject({ status: 200, body: { data: { id } } })
      expect(left).toMatchObject({ status: 200, body: { data: [], meta: { count: 0 } } })
    }
  })

  test('a user is refused on every path of another: 403', async () => {
    const [owner, stranger] = [await signUp(), await signUp()]
    const { id } = (await add(owner, 'Private')).body.data

    const answers = await tryEverything(pathOf(owner), id, stranger.token)

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403])
    expect(answers.map(({ body }) => body.error.code)).toEqual(Array(6).fill('AUTH_FORBIDDEN'))
    expect((await list(owner)).body.data).toMatchObject([{ id, title: 'Private', is_completed: false }])
  })

  test("a user finds no task of another by its id under one's own path: 404", async () => {
    const [owner, stranger] = [await signUp(), await signUp()]
    const { id } = (await add(owner, 'Private')).body.data

    const [, , ...byId] = await tryEverything(pathOf(stranger), id, stranger.token)

    expect(byId.map(({ status }) => status)).toEqual([404, 404, 404, 404])
    expect((await list(owner)).body.data).toMatchObject([{ id, title: 'Private', is_completed: false }])
  })

  test("GET tasks lists newest first, and counts one's own alone", async () => {
    const [user, other] = [await signUp(), await signUp()]
    await add(user, 'first')
    await add(other, "another's")
    await add(user, 'second')
    await add(user, 'third')

    const { body } = await list(user)

    expect(body.data.map(({ title }: { title: string }) => title)).toEqual(['third', 'second', 'first'])
    expect(body.meta.count).toBe(3)
  })

  test('a logout ends access within a second', async ({ annotate }) => {
    const user = await signUp()
    expect((await list(user)).status).toBe(200)
    expect((await logOut(user)).status).toBe(200)
    const loggedOutAt = performance.now()

    await untilRefused(user, logoutMilliseconds)

    await annotate(`refused ${(performance.now() - loggedOutAt).toFixed(1)} ms after the logout was answered`)
    expect((await list(user)).body.error.code).toBe('AUTH_REVOKED')
  })

  test('after a logout only a new login and its refresh give access again', async () => {
    const credentials = newCredentials()
    const first = await askTokens(`${auth.url}/api/auth/signup`, credentials)
    const { id } = (await add(first, 'Still here')).body.data
    await logOut(first)
    await untilRefused(first, logoutMilliseconds)

    const refused = await send(`${auth.url}/api/auth/refresh`, { body: { refresh_token: first.refresh_token } })
    const again = await askTokens(`${auth.url}/api/auth/login`, credentials)
    const refreshed = await askTokens(`${auth.url}/api/auth/refresh`, { refresh_token: again.refresh_token })

    expect(refused).toMatchObject({ status: 401, body: { error: { code: 'AUTH_REFRESH_INVALID' } } })
    expect(new Set([first.token, again.token, refreshed.token]).size).toBe(3)
    expect(await list(again)).toMatchObject({ status: 200, body: { data: [{ id }] } })
    expect(await list(refreshed)).toMatchObject({ status: 200, body: { data: [{ id }] } })
    expect((await list(first)).status).toBe(401)
  })

  test('a logged-out token stays refused when the server is killed and started again', async () => {
    const [gone, staying] = [await signUp(), await signUp()]
    await logOut(gone)
    await untilRefused(gone, logoutMilliseconds)
    await auth.end('SIGKILL')
    const withoutServer = [await list(gone), await list(staying)]

    auth = await startIssuer(folder, { ...secret, PORT: new URL(auth.url).port })

    expect(withoutServer.map(({ status }) => status)).toEqual([401, 200])
    expect((await list(gone)).body.error.code).toBe('AUTH_REVOKED')
    expect((await send(`${auth.url}/api/auth/me`, { token: gone.token })).body.error.code).toBe('AUTH_REVOKED')
    expect((await list(staying)).status).toBe(200)
    await logOut(staying)
    await untilRefused(staying, 10_000)
  })

  test('a backend that starts after the logout refuses the token from its first request on', async () => {
    const [gone, staying] = [await signUp(), await signUp()]
    await logOut(gone)
    await tasks.end('SIGKILL')
    tasks = await startTasks(folder, auth, secret)

    const answers = [await list(gone), await list(staying)]

    expect(answers).toMatchObject([{ status: 401, body: { error: { code: 'AUTH_REVOKED' } } }, { status: 200 }])
  })

  test('GET /healthz tells of the verifier', async () => {
    const { status, body } = await send(`${tasks.url}/healthz`)

    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'ok', verifier: { keys: 1, revocations: { state: 'fresh' } } })
  })

  test('SIGTERM ends both with 0, and tasks are there after a new start', async () => {
    const user = await signUp()
    const { id } = (await add(user, 'Still here')).body.data

    const exitCodes = [await tasks.end('SIGTERM'), await auth.end('SIGTERM')]

    expect(exitCodes).toEqual([0, 0])
    auth = await startIssuer(folder, { ...secret, PORT: new URL(auth.url).port })
    tasks = await startTasks(folder, auth, secret)
    expect(await list(user)).toMatchObject({ status: 200, body: { data: [{ id }] } })
  })
})

const folder = temporaryFolder()

test('The tasks API answers 503, and not with data, while no issuer answers', async () => {
  const auth = await startIssuer(folder)
  const user = await askTokens(`${auth.url}/api/auth/signup`, newCredentials())
  await auth.end('SIGKILL')
  await using tasks = await startTasks(folder, auth, {})

  const health = await send(`${tasks.url}/healthz`)
  const answer = await send(`${tasks.url}/api/${user.user_id}/tasks`, { token: user.token })

  expect(health).toMatchObject({ status: 503, body: { error: { code: 'VERIFIER_UNAVAILABLE' } } })
  expect(answer).toMatchObject({ status: 503, body: { error: { code: 'VERIFIER_UNAVAILABLE' } } })
})

test('SIGTERM, also twice, ends the tasks API with 0, also while a client never ends its request', async () => {
  await using auth = await startIssuer(folder)
  await using tasks = await startTasks(folder, auth, {})
  await using _ = await sendHalf(tasks.url)

  const exitCode = tasks.end('SIGTERM')
  await expect.poll(() => isListening(tasks.url)).toBe(false)
  const again = tasks.end('SIGTERM')

  expect([await exitCode, await again]).toEqual([0, 0])
})

test('The tasks API does not start with a secret that is too short, and says so', async () => {
  const start = startProgram({
    file: 'examples/tasks-api/src/main.ts',
    folder,
    environment: { PORT: '0', JWT_SECRET: 'short' },
  })

  await expect(start).rejects.toThrow(/ended with 1\nCannot create a verifier: secret must have at least 32 bytes/)
})

function startTasks(folder: string, auth: Program, environment: Record<string, string>): Promise<Program> {
  return startProgram({
    file: 'examples/tasks-api/src/main.ts',
    folder,
    environment: { PORT: '0', ISSUER: `http://localhost:${new URL(auth.url).port}`, ...environment },
  })
}

async function walk(path: string, { token }: Tokens) {
  const made = await send(path, { token, body: { title: 'Water the plants' } })
  const task = `${path}/${made.body.data.id}`
  return {
    made,
    listed: await send(path, { token }),
    read: await send(task, { token }),
    renamed: await send(task, { method: 'PUT', token, body: { title: 'Water the cactus' } }),
    completed: await send(`${task}/complete`, { method: 'PATCH', token }),
    deleted: await send(task, { method: 'DELETE', token }),
    left: await send(path, { token }),
  }
}

/** All six operations: the two on the list, then the four on the task. */
function tryEverything(path: string, id: string, token: string): Promise<Answer[]> {
  return Promise.all([
    send(path, { token }),
    send(path, { token, body: { title: 'Intruder' } }),
    send(`${path}/${id}`, { token }),
    send(`${path}/${id}`, { method: 'PUT', token, body: { title: 'Intruder' } }),
    send(`${path}/${id}/complete`, { method: 'PATCH', token }),
    send(`${path}/${id}`, { method: 'DELETE', token }),
  ])
}

function headerOf(token: string): object {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8'))
}
