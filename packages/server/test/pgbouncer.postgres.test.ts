import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freePort } from '../src/testing/free-port.ts'
import { temporaryFolder } from '../src/testing/test-database.ts'
import { ada } from '../src/testing/test-house.ts'
import { run, serve } from './processes.ts'

const hasPgBouncer = spawnSync('pgbouncer', ['--version'], { stdio: 'ignore' }).status === 0
if (!hasPgBouncer) console.warn('PgBouncer is not tried: pgbouncer is missing')

const credentials = { email: ada.email, password: ada.password }
const timeouts = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
const asTheDocsSay = `ignore_startup_parameters = ${timeouts.join(',')}`

/** PgBouncer in transaction mode, as a role of one test's own with these settings. */
async function startPgBouncer({ configuration = asTheDocsSay, roleSettings = [] as string[] } = {}) {
  const name = `${inject('postgres').schemas}_pooled`
  const admin = new pg.Client({ connectionString: inject('postgres').url })
  await admin.connect()
  await admin.query(`create role ${name} login password 'pooled'; create schema ${name} authorization ${name}`)
  for (const setting of [`search_path = ${name}`, ...roleSettings])
    await admin.query(`alter role ${name} in database ${admin.database} set ${setting}`)
  onTestFinished(async () => {
    await admin.query(`drop owned by ${name}; drop role ${name}`)
    await admin.end()
  })

  const port = await freePort()
  const file = join(temporaryFolder(), 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
     auth = host=${admin.host} port=${admin.port} dbname=${admin.database} user=${name} password=pooled
     [pgbouncer]
     listen_addr = 127.0.0.1
     listen_port = ${port}
     unix_socket_dir =
     auth_type = any
     pool_mode = transaction
     default_pool_size = 4
     ${process.getuid?.() === 0 ? 'user = nobody' : ''}
     ${configuration}`,
  )
  const pooler = spawn('pgbouncer', [file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(pooler, 'exit')
  onTestFinished(async () => {
    pooler.kill('SIGTERM')
    await ended
  })
  let said = ''
  pooler.stderr.setEncoding('utf8').on('data', (piece) => {
    said += piece
  })
  await expect.poll(() => said).toContain('process up')
  const settings = {
    DATABASE_URL: `postgres://anybody:very-secret@127.0.0.1:${port}/auth`,
    MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'),
    PUBLIC_URL: 'http://localhost:8000',
    RATE_LIMIT_LOGIN: 'off',
  }
  return { folder: temporaryFolder(), settings }
}

test.skipIf(!hasPgBouncer)(
  'through PgBouncer in transaction mode two nodes migrate once, and know of each other’s logouts by asking',
  async () => {
    const surroundings = await startPgBouncer({ roleSettings: timeouts.map((name) => `${name} = '10s'`) })

    const [here, there] = await Promise.all([serve(surroundings), serve(surroundings)])
    const signup = await here.request('/api/auth/signup', { body: credentials })
    const statuses: number[] = [signup.status]
    const delays: number[] = []
    for (let round = 0; round < 5; round += 1) {
      const login = await here.request('/api/auth/login', { body: credentials })
      const { refresh_token } = login.json()
      const refresh = await there.request('/api/auth/refresh', { body: { refresh_token } })
      const { token } = refresh.json()
      const logout = await here.request('/api/auth/logout', { body: {}, token })
      const answeredAt = performance.now()
      await expect.poll(async () => (await there.request('/api/auth/me', { token })).status, { interval: 2 }).toBe(401)
      delays.push(performance.now() - answeredAt)
      statuses.push(login.status, refresh.status, logout.status)
    }

    expect([here, there].filter((node) => node.stderr().includes('(made now)'))).toHaveLength(1)
    expect(statuses).toEqual([201, ...Array.from({ length: 15 }, () => 200)])
    // The middle: the machine that runs the tests may stumble.
    expect(delays.toSorted((one, other) => one - other)[2]).toBeLessThan(200)
    expect(here.stdout() + there.stdout()).not.toMatch(/"level":"(warn|error)"/)
  },
)

test.skipIf(!hasPgBouncer)(
  'time-outs that PgBouncer drops, and the role does not have, are told at start',
  async () => {
    const surroundings = await startPgBouncer({ roleSettings: [`statement_timeout = '10s'`] })

    const node = await serve(surroundings)

    const warnings = node
      .stdout()
      .split('\n')
      .filter((line) => line.includes('"warn"'))
    expect(warnings.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        settings: ['lock_timeout', 'idle_in_transaction_session_timeout'],
        msg: 'Time-outs do not reach the database, as a pooler drops them: set them on its role',
      }),
    ])
  },
)

test.skipIf(!hasPgBouncer)('PgBouncer that takes no time-outs is told of in one line, without a password', async () => {
  const surroundings = await startPgBouncer({ configuration: '' })

  const { code, stdout, stderr } = await run(['serve'], surroundings)

  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^latchkey: Cannot use [^\n]* unsupported startup parameter: statement_timeout\n$/)
  expect(stderr).not.toContain('very-secret')
})
