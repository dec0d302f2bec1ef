import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freePort } from '../src/testing/free-port.ts'
import { openTestDatabase, temporaryFolder } from '../src/testing/test-database.ts'
import { ada } from '../src/testing/test-house.ts'
import { serve } from './processes.ts'

const hasPgBouncer = spawnSync('pgbouncer', ['--version'], { stdio: 'ignore' }).status === 0
if (!hasPgBouncer) console.warn('PgBouncer is not tried: pgbouncer is missing')

const credentials = { email: ada.email, password: ada.password }
const timeouts = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
const asTheDocsSay = `ignore_startup_parameters = ${timeouts.join(',')}`

/** PgBouncer in transaction mode, before a role of one test's own whose settings are those of the docs. */
async function startPgBouncer(configuration = asTheDocsSay) {
  const name = `${inject('postgres').schemas}_pooled`
  const admin = new pg.Client({ connectionString: inject('postgres').url })
  await admin.connect()
  await admin.query(`create role ${name} login password 'pooled'; create schema ${name} authorization ${name}`)
  for (const setting of [`search_path = ${name}`, ...timeouts.map((timeout) => `${timeout} = '10s'`)])
    await admin.query(`alter role ${name} in database ${admin.database} set ${setting}`)
  onTestFinished(async () => {
    await admin.query(`drop owned by ${name}; drop role ${name}`)
    await admin.end()
  })

  const port = await freePort()
  const file = join(temporaryFolder(), 'pgbouncer.ini')
  const target = `host=${admin.host} port=${admin.port} dbname=${admin.database} user=${name} password=pooled`
  writeFileSync(
    file,
    `[databases]
     auth = ${target}
     endless = ${target} connect_query='set lock_timeout = 0; set idle_in_transaction_session_timeout = 0'
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
  return (database: 'auth' | 'endless') => `postgres://anybody:very-secret@127.0.0.1:${port}/${database}`
}

test.skipIf(!hasPgBouncer)(
  'through PgBouncer in transaction mode two nodes migrate once, know of logouts by asking, and tell of time-outs that are lost',
  async () => {
    const urlOf = await startPgBouncer()
    const node = (database: 'auth' | 'endless') => ({
      folder: temporaryFolder(),
      settings: {
        DATABASE_URL: urlOf(database),
        MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'),
        PUBLIC_URL: 'http://localhost:8000',
        RATE_LIMIT_LOGIN: 'off',
      },
    })

    const [here, there] = await Promise.all([serve(node('auth')), serve(node('endless'))])
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

    expect([here, there].filter(({ stderr }) => stderr().includes('(made now)'))).toHaveLength(1)
    expect(statuses).toEqual([201, ...Array.from({ length: 15 }, () => 200)])
    // The middle: the machine that runs the tests may stumble.
    expect(delays.toSorted((one, other) => one - other)[2]).toBeLessThan(200)
    expect(complaintsOf(here)).toEqual([])
    expect(complaintsOf(there)).toEqual([
      expect.objectContaining({
        settings: ['lock_timeout', 'idle_in_transaction_session_timeout'],
        msg: 'Time-outs do not reach the database, as a pooler drops them: set them on its role',
      }),
    ])
  },
)

function complaintsOf({ stdout }: { stdout(): string }): unknown[] {
  const lines = stdout()
    .split('\n')
    .filter((line) => /"level":"(warn|error)"/.test(line))
  return lines.map((line) => JSON.parse(line))
}

test.skipIf(!hasPgBouncer)('PgBouncer that takes no time-outs is told of, without a password', async () => {
  const urlOf = await startPgBouncer('')

  const asking = openTestDatabase(urlOf('auth')).migrations.up()

  await expect(asking).rejects.toMatchObject({
    cause: {
      message: expect.stringMatching(
        /^Cannot use DATABASE_URL "[^:]+:\/\/anybody@[^"]+": unsupported startup parameter/,
      ),
    },
  })
})
