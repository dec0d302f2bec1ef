import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../src/testing/free-port.ts'
import { databaseOf, engine, lookInto, onSqlite, temporaryFolder } from '../src/testing/test-database.ts'
import { testHouse } from '../src/testing/test-house.ts'
import { byBin, byRunner, run, serve } from './processes.ts'
import { answersOf } from './raw-answers.ts'
import { bytesUntilClosed, dial, post } from './raw-socket.ts'

const ada = { email: 'ada@example.com', password: 'SecurePass123' }
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** Leaves a database in a folder whose first key pair is sealed by the master key beside it. */
async function folderWithKey(folder: string): Promise<void> {
  const { keys, close } = await testHouse({ DATABASE_URL: databaseOf(folder) })
  await keys.current()
  await close()
}

/** A port on which something listens until the test ends. */
async function usedPort(): Promise<number> {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => {
    other.close()
  })
  return (other.address() as AddressInfo).port
}

onSqlite('a first start makes a database and a master key for its owner alone, and says so', async () => {
  const folder = temporaryFolder()

  const server = await serve({ folder })

  expect(readdirSync(join(folder, 'data')).toSorted()).toEqual(expect.arrayContaining(['latchkey.db', 'master.key']))
  expect(modeOf(join(folder, 'data/master.key'))).toBe('600')
  expect(server.stderr()).toContain(`Latchkey listens on http://127.0.0.1:${server.port}`)
  expect(server.stderr()).toContain(`Issuer         http://localhost:${server.port} (ES256)`)
  expect(server.stderr()).toContain('Database       data/latchkey.db (made now)')
  expect(server.stderr()).toContain('Master key     data/master.key (made now: back it up apart from the database)')
  expect((await server.request('/readyz')).status).toBe(200)
})

test('a fresh server has no account [ASVS 6.3.2, ASVS 15.2.3]', async () => {
  const folder = temporaryFolder()

  await serve({ folder })

  expect(lookInto(databaseOf(folder)).rows('select id from users')).toEqual([])
})

test('a second start uses what is there: accounts, sessions, keys and refresh tokens', async () => {
  const folder = temporaryFolder()
  const settings = { PUBLIC_URL: 'http://localhost:8000' }
  const first = await serve({ folder, settings })
  const { token, refresh_token } = (await first.request('/api/auth/signup', { body: ada })).json()
  await first.stop()

  const second = await serve({ folder, settings })

  expect(second.stderr()).not.toContain('made now')
  expect((await second.request('/api/auth/me', { token })).status).toBe(200)
  expect((await second.request('/api/auth/refresh', { body: { refresh_token } })).status).toBe(200)
  expect((await second.request('/api/auth/login', { body: ada })).status).toBe(200)
})

test('a logout outlives a restart', async () => {
  const folder = temporaryFolder()
  const settings = { PUBLIC_URL: 'http://localhost:8000' }
  const first = await serve({ folder, settings })
  const { token } = (await first.request('/api/auth/signup', { body: ada })).json()
  await first.request('/api/auth/logout', { body: {}, token })
  await first.stop('SIGKILL')

  const second = await serve({ folder, settings })

  expect((await second.request('/api/auth/me', { token })).json().error.code).toBe('AUTH_REVOKED')
})

test.each(engine === 'sqlite' ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const))(
  '%s lets a slow login be answered, and then the server exits 0',
  async (signal) => {
    const server = await serve({ folder: temporaryFolder(), settings: { BCRYPT_COST: '13' } })
    const signup = server.request('/api/auth/signup', { body: ada })
    await expect
      .poll(async () => (await server.request('/metrics')).text)
      .toContain('latchkey_password_hashes_pending 1')

    const ended = server.stop(signal)

    expect((await signup).status).toBe(201)
    expect(await ended).toMatchObject({ code: 0, signal: null })
    expect(server.stdout()).toContain('"Stopped"')
  },
)

onSqlite.each([
  ['twice to the server', {}, ({ pid = 0 }: ChildProcess) => [pid, pid]],
  [
    'to the process group of run.mjs, which forwards it',
    { command: byRunner, hasOwnGroup: true },
    ({ pid = 0 }: ChildProcess) => [-pid],
  ],
  [
    'twice to the process group of run.mjs',
    { command: byRunner, hasOwnGroup: true },
    ({ pid = 0 }: ChildProcess) => [-pid, -pid],
  ],
])('SIGTERM %s lets a slow login be answered all the same', async (_, how, targetsOf) => {
  const server = await serve({ folder: temporaryFolder(), settings: { BCRYPT_COST: '13' }, ...how })
  const signup = server.request('/api/auth/signup', { body: ada })
  await expect.poll(async () => (await server.request('/metrics')).text).toContain('latchkey_password_hashes_pending 1')

  for (const target of targetsOf(server.child)) process.kill(target, 'SIGTERM')
  await expect.poll(() => server.stdout()).toContain('"Stopping"')
  for (const target of targetsOf(server.child)) process.kill(target, 'SIGTERM')

  expect((await signup).status).toBe(201)
  expect(await server.ended).toEqual([0, null])
  expect(server.stdout().trimEnd().split('\n').at(-1)).toContain('"Stopped"')
})

onSqlite('answers after SIGTERM say that the connection ends, also those to requests that came before', async () => {
  const server = await serve({ folder: temporaryFolder(), settings: { BCRYPT_COST: '13' } })
  const signup = server.request('/api/auth/signup', { body: ada })
  await expect.poll(async () => (await server.request('/metrics')).text).toContain('latchkey_password_hashes_pending 1')

  const ended = server.stop()

  expect((await signup).headers.get('connection')).toBe('close')
  await ended
})

onSqlite('SIGTERM waits for no connection that has nothing to say, nor for a stream', async () => {
  const server = await serve({ folder: temporaryFolder() })
  await dial(server.port)
  const stream = await fetch(`${server.url}/api/auth/revocations`)
  await server.request('/healthz')

  const ended = await server.stop()

  expect(ended).toMatchObject({ code: 0, signal: null })
  expect(ended.milliseconds).toBeLessThan(3000)
  await expect(stream.text()).resolves.toContain('event: current')
})

onSqlite('SIGTERM waits for no client that never ends its request', async () => {
  const server = await serve({ folder: temporaryFolder() })
  const slowHead = await dial(server.port)
  const slowBody = await dial(server.port)
  slowHead.write('GET /healthz HTTP/1.1\r\nHost: local')
  slowBody.write(Buffer.from(post('/api/auth/login', JSON.stringify(ada))).subarray(0, -5))
  await server.request('/healthz')

  const ended = await server.stop()

  expect(ended).toMatchObject({ code: 0, signal: null })
  expect(ended.milliseconds).toBeLessThan(5000)
})

onSqlite('SIGTERM refuses new connections at once', async () => {
  const server = await serve({ folder: temporaryFolder(), settings: { BCRYPT_COST: '13' } })
  const signup = server.request('/api/auth/signup', { body: ada })
  await expect.poll(async () => (await server.request('/metrics')).text).toContain('latchkey_password_hashes_pending 1')
  const ended = server.stop()
  await expect.poll(() => server.stdout()).toContain('"Stopping"')

  const late = fetch(`${server.url}/healthz`)

  await expect(late).rejects.toThrow()
  expect((await signup).status).toBe(201)
  await ended
})

onSqlite.each([
  ['exception', 'throw new Error("a fault that nobody caught")'],
  ['rejection', 'Promise.reject(new Error("a fault that nobody caught"))'],
])(
  '[ASVS 16.5.4] an unexpected %s ends the server with a line in its log, and what it acknowledged holds',
  async (_, fault) => {
    const folder = temporaryFolder()
    const onSignal = `process.on("SIGUSR2", () => { ${fault} })`
    const settings = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(onSignal)}` }
    const server = await serve({ folder, settings })
    const signup = await server.request('/api/auth/signup', { body: ada })

    const { code } = await server.stop('SIGUSR2')
    const again = await serve({ folder })
    const login = await again.request('/api/auth/login', { body: ada })

    expect(signup.status).toBe(201)
    expect(code).toBe(1)
    expect(JSON.parse(server.stdout().trim().split('\n').at(-1) ?? '')).toMatchObject({
      level: 'error',
      msg: 'Ending after an unexpected error',
      error: { message: 'a fault that nobody caught' },
    })
    expect(login.status).toBe(200)
  },
)

test('pipelined requests at SIGTERM are each done once, or not at all', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder, settings: { BCRYPT_COST: '12' } })
  const socket = await dial(server.port)
  const open = (email: string) =>
    Buffer.from(post('/api/auth/signup', JSON.stringify({ ...ada, email })))
      .toString()
      .replace('Connection: close\r\n', '')
  socket.write(open('one@example.com') + open('two@example.com') + open('three@example.com'))
  await expect
    .poll(async () => (await server.request('/metrics')).text)
    .toMatch(/latchkey_password_hashes_pending [1-9]/)

  const [received] = await Promise.all([bytesUntilClosed(socket), server.stop()])

  const answers = answersOf(received)
  const made = lookInto(databaseOf(folder)).rows('select email from users')
  const done = answers.filter(({ status }) => status === 201)
  // A machine that is busy with other things refuses what would wait too long, and does not do it.
  expect(answers.filter(({ status }) => ![201, 503].includes(status))).toEqual([])
  expect(done.length).toBe(made.length)
  expect(made.length).toBeGreaterThan(0)
})

onSqlite.each([
  ['PORT', 'eighty', 'PORT must be a whole number from 0 to 65535: it is "eighty"'],
  [
    'PUBLIC_URL',
    'example.com',
    'PUBLIC_URL must be an http or https URL without a trailing slash, query or fragment: it is "example.com"',
  ],
  ['BCRYPT_COST', '16', 'BCRYPT_COST must be a whole number from 4 to 15: it is "16"'],
  [
    'ACCESS_TOKEN_TTL',
    '3600',
    'ACCESS_TOKEN_TTL must be a duration such as 10s, 15m, 24h or 30d, at least 1s, at most 400d: it is "3600"',
  ],
  [
    'JWT_SECRET',
    'short-and-secret',
    'JWT_SECRET must be at least 32 bytes (latchkey secret prints a good one): it is not',
  ],
])('a wrong %s stops the start with one line that says what it takes [ASVS 13.2.3]', async (name, value, said) => {
  const { code, stdout, stderr } = await run(['serve'], { folder: temporaryFolder(), settings: { [name]: value } })

  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toBe(`Cannot start with this configuration: ${said}\n`)
})

onSqlite('every wrong setting is named at once, and with --json as one document', async () => {
  const settings = { PORT: 'eighty', DOCS: 'maybe', MASTER_KEY: 'a-secret-that-is-too-short' }

  const { code, stderr } = await run(['serve', '--json'], { folder: temporaryFolder(), settings })

  expect(code).toBe(2)
  expect(JSON.parse(stderr)).toMatchObject({
    error: {
      code: 'CONFIGURATION',
      details: [
        { field: 'PORT', issue: 'Must be a whole number from 0 to 65535: it is "eighty"' },
        { field: 'MASTER_KEY', issue: expect.stringMatching(/^Must be /) },
        { field: 'DOCS', issue: expect.stringMatching(/^Must be .*: it is "maybe"$/) },
      ],
    },
  })
  expect(stderr).not.toContain('a-secret-that-is-too-short')
})

onSqlite('a bcrypt cost below 10 is refused outside of tests', async () => {
  const { code, stderr } = await run(['serve'], { folder: temporaryFolder(), settings: { NODE_ENV: 'production' } })

  expect(code).toBe(2)
  expect(stderr).toContain('BCRYPT_COST must be a whole number from 10 to 15: it is "4"')
})

onSqlite('a port that another program uses stops the start with a line that says so', async () => {
  const port = await usedPort()

  const { code, stderr } = await run(['serve'], { folder: temporaryFolder(), settings: { PORT: String(port) } })

  expect(code).toBe(1)
  expect(stderr).toContain(`Cannot listen on HOST 127.0.0.1, PORT ${port}: another program listens there`)
  expect(stderr).not.toContain('    at ')
})

onSqlite('a port for METRICS that another program uses stops the start, with nothing left running', async () => {
  const port = await usedPort()

  const { code, stderr } = await run(['serve'], { folder: temporaryFolder(), settings: { METRICS: `port:${port}` } })

  expect(code).toBe(1)
  expect(stderr).toContain(`Cannot listen on METRICS port:${port}: another program listens there`)
  expect(stderr).not.toContain('Latchkey listens')
})

onSqlite('a database that is newer than the program is refused', async () => {
  const folder = temporaryFolder()
  await testHouse({ DATABASE_URL: databaseOf(folder) })
  lookInto(databaseOf(folder)).run(
    `insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '2030')`,
  )

  const { code, stderr } = await run(['serve'], { folder })

  expect(code).toBe(1)
  expect(stderr).toContain('it is newer than this program, which does not know 9999-from-the-future')
})

onSqlite('a master key that is not the one of the database is refused at the start', async () => {
  const folder = temporaryFolder()
  await folderWithKey(folder)
  const settings = { MASTER_KEY: randomBytes(32).toString('base64') }

  const { code, stderr } = await run(['serve'], { folder, settings })

  expect(code).toBe(1)
  expect(stderr).toMatch(/Cannot open the signing key \S+: MASTER_KEY is not the one that sealed it/)
  expect(stderr).not.toContain(settings.MASTER_KEY)
})

onSqlite('a master key that others may read is refused [ASVS 13.3.2]', async () => {
  const folder = temporaryFolder()
  await folderWithKey(folder)
  chmodSync(join(folder, 'data/master.key'), 0o644)

  const { code, stderr } = await run(['serve'], { folder })

  expect(code).toBe(1)
  expect(stderr).toContain('Cannot use the master key "data/master.key": others may read it')
})

onSqlite('a file .env in the working directory counts, and the environment before it', async () => {
  const folder = temporaryFolder()
  const secret = 'a shared secret of more than 32 bytes'
  writeFileSync(join(folder, '.env'), `JWT_SECRET="${secret}"\nDOCS=off\nMETRICS=off\n`)

  const server = await serve({ folder, settings: { METRICS: 'auto' } })

  expect((await server.request('/.well-known/jwks.json')).json()).toEqual({ keys: [] })
  expect((await server.request('/docs')).status).toBe(404)
  expect((await server.request('/metrics')).status).toBe(200)
  expect(readdirSync(folder, { recursive: true })).not.toContain('data/master.key')
  expect(server.stdout() + server.stderr()).not.toContain(secret)
})

onSqlite('METRICS=port:N shows metrics on a port of their own, and nothing else there [ASVS 13.4.5]', async () => {
  const port = await freePort()

  const server = await serve({ folder: temporaryFolder(), settings: { METRICS: `port:${port}` } })

  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`)
  expect(await metrics.text()).toContain('latchkey_password_hashes_pending')
  expect((await fetch(`http://127.0.0.1:${port}/api/auth/me`)).status).toBe(404)
  expect((await server.request('/metrics')).status).toBe(404)
  expect(await server.stop()).toMatchObject({ code: 0 })
})

onSqlite('the port of METRICS refuses in the one error shape', async () => {
  const port = await freePort()
  await serve({ folder: temporaryFolder(), settings: { METRICS: `port:${port}` } })

  const answers = [
    await fetch(`http://127.0.0.1:${port}/healthz`),
    await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([404, 405])
  expect(answers[1]?.headers.get('allow')).toBe('GET, HEAD')
  const bodies = await Promise.all(answers.map(async (answer) => (await answer.json()) as { meta: object }))
  expect(bodies).toMatchObject([
    { error: { code: 'NOT_FOUND' }, meta: { request_id: answers[0]?.headers.get('x-request-id') } },
    { error: { code: 'METHOD_NOT_ALLOWED' }, meta: { request_id: answers[1]?.headers.get('x-request-id') } },
  ])
})

onSqlite('SIGTERM waits for no client of the METRICS port that never ends its request', async () => {
  const port = await freePort()
  const server = await serve({ folder: temporaryFolder(), settings: { METRICS: `port:${port}` } })
  const slow = await dial(port)
  slow.write('GET /metrics HTTP/1.1\r\nHost: local')
  await server.request('/healthz')

  const ended = await server.stop()

  expect(ended).toMatchObject({ code: 0, signal: null })
  expect(ended.milliseconds).toBeLessThan(5000)
})

onSqlite.each([
  ['run.mjs', byRunner],
  ['the bin', byBin],
])('a server that was started by %s ends with SIGTERM and leaves nothing running', async (_, command) => {
  const server = await serve({ folder: temporaryFolder(), command })

  const { code } = await server.stop()

  expect(code).toBe(0)
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
})

test('logs are one JSON object a line, and neither they nor the audit log hold a secret [ASVS 16.2.4, ASVS 16.2.5]', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder, settings: { LOG_LEVEL: 'debug' } })
  const wrong = { ...ada, password: 'Not-The-Password-1' }
  const signup = await server.request('/api/auth/signup', { body: ada })
  const login = await server.request('/api/auth/login', { body: ada })
  const refresh = await server.request('/api/auth/refresh', { body: { refresh_token: login.json().refresh_token } })
  const { token } = refresh.json()
  await server.request('/api/auth/login', { body: wrong })
  await server.request('/api/auth/signup', { body: { ...wrong, email: 'no address' } })
  await server.request('/api/auth/signup', { body: wrong })
  await server.request(`/api/auth/me?access_token=${token}`, { token })
  await server.request(`/api/auth/me?access_token=${token}&password=${ada.password}`)
  await server.request('/api/auth/me', { token: `${token}x` })
  await server.request('/api/auth/events', { token })
  await server.request('/api/auth/refresh', { body: { refresh_token: 'lkr_something-that-is-none' } })
  await server.request('/api/auth/logout', { body: { scope: 'global' }, token })
  await server.request('/api/auth/me', { token })
  await server.request('/%0a%1b[31m%E2%80%A8{"level":"error"}')
  const privateKey = readFileSync(join(folder, 'data/master.key'), 'utf8').trim()
  await server.stop()

  const lines = server.stdout().trimEnd().split('\n')
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), time: expect.any(String) })
  expect(lines.length).toBeGreaterThan(14)

  const database = lookInto(databaseOf(folder))
  const written = [server.stdout(), server.stderr(), JSON.stringify(database.events())].join('\n')
  const tokens = [signup, login, refresh].flatMap((answer) => [answer.json().token, answer.json().refresh_token])
  const parts = tokens.flatMap((one: string) => [one, ...one.split('.').slice(1), one.slice(-20)])
  const secrets = [ada.password, wrong.password, 'lkr_', privateKey, 'PRIVATE KEY', '$2b$', 'auth-token', ...parts]
  expect(secrets.filter((secret) => written.includes(secret))).toEqual([])
  expect(written).not.toMatch(/(?!\n)[\p{Cc}\p{Zl}\p{Zp}]/u)
})
