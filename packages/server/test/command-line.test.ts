import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settings } from '../src/config/settings.ts'
import { databaseOf, engine, lookInto, onSqlite, temporaryFolder } from '../src/testing/test-database.ts'
import { originAt, testHouse } from '../src/testing/test-house.ts'
import { run, serve } from './processes.ts'

const email = 'ada@example.com'
const password = 'SecurePass123'
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** A folder with a database in it, made without the command line. */
async function migratedFolder() {
  const folder = temporaryFolder()
  const { auth, close } = await testHouse({ DATABASE_URL: databaseOf(folder) })
  return { folder, auth, close, database: lookInto(databaseOf(folder)) }
}

/** The same with one account in it, as the command line shows it. */
async function folderWithAda() {
  const { folder, auth, close, database } = await migratedFolder()
  const user = await auth.createUser({ email, password, origin: originAt('local') })
  await close()
  const created_at = new Date(user.createdAt).toISOString()
  return { folder, database, ada: { user_id: user.id, email, created_at, last_login: null, is_active: true } }
}

onSqlite.each([
  [[]],
  [['fly']],
  [['users']],
  [['users', 'fly']],
  [['users', 'constructor', email]],
  [['keys']],
  [['apis']],
  [['apis', 'add']],
  [['apis', 'list', 'x']],
  [['apis', 'revoke', 'a', 'b']],
  [['apis', 'constructor', 'tasks']],
  [['secret', '--loud']],
  [['backup']],
  [['backup', 'a.db', 'b.db']],
  [['check', 'a.db']],
  [['bench']],
  [['bench', 'seed', 'much']],
  [['bench', 'seed', '--users', '0']],
  [['users', 'list', '--users', '5']],
  [['users', 'logout']],
  [['users', 'logout', email, '--all']],
  [['users', 'logout', email, email]],
  [['users', 'disable', '--all']],
  [['users', 'list', '--all']],
  [['serve', '--all']],
  [['migrate', '--all']],
  [['migrate', 'status', '--plan']],
  [['check', '--plan']],
  [['keys', 'rotate', '--all']],
])('latchkey %j is a wrong command line: exit 2, and where to read on', async (words) => {
  const { code, stdout, stderr } = await run(words, { folder: temporaryFolder() })

  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^latchkey: .+\nlatchkey --help lists the commands\n$/)
})

onSqlite.each([
  [['fly'], 'USAGE', 'there is no command "fly" with these words'],
  [['secret', '--loud'], 'USAGE', expect.stringMatching(/^Unknown option '--loud'/)],
  [['users', 'list'], 'FAILED', expect.stringMatching(/^Cannot (open DATABASE_URL|use this database)/)],
])('latchkey %j --json fails with the bare message in one document', async (words, code, message) => {
  const { stdout, stderr } = await run([...words, '--json'], { folder: temporaryFolder() })

  expect(stdout).toBe('')
  expect(JSON.parse(stderr)).toEqual({ error: { code, message, details: null } })
})

onSqlite('latchkey --help lists every command', async () => {
  const { code, stdout } = await run(['--help'], { folder: temporaryFolder() })

  expect(code).toBe(0)
  for (const command of [
    'serve',
    'migrate',
    'init',
    'secret',
    'backup',
    'check',
    'bench seed',
    'users create',
    'users disable',
    'users logout',
    'apis add',
    'keys rotate',
  ]) {
    expect(stdout).toContain(`\n  ${command} `)
  }
})

onSqlite('latchkey --version prints the version of the package, with --json as a document', async () => {
  const { code, stdout } = await run(['--version'], { folder: temporaryFolder() })
  const asJson = await run(['--version', '--json'], { folder: temporaryFolder() })

  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  expect(code).toBe(0)
  expect(stdout).toBe(`${manifest.version}\n`)
  expect(JSON.parse(asJson.stdout)).toEqual({ version: manifest.version })
})

onSqlite(
  'latchkey secret prints another good secret each time, and nothing else [RFC7515-10.1, RFC8725-3.5]',
  async () => {
    const folder = temporaryFolder()

    const [one, other] = await Promise.all([run(['secret'], { folder }), run(['secret', '--json'], { folder })])

    expect(one.stdout).toMatch(/^[\w-]{64}\n$/)
    expect(JSON.parse(other.stdout)).toEqual({ secret: expect.stringMatching(/^[\w-]{64}$/) })
    expect(one.stdout.trim()).not.toBe(JSON.parse(other.stdout).secret)
  },
)

onSqlite('latchkey init writes .env for its owner alone, with every setting and a fresh secret', async () => {
  const folder = temporaryFolder()

  const { code, stdout, stderr } = await run(['init'], { folder })

  const text = readFileSync(join(folder, '.env'), 'utf8')
  const secret = /^JWT_SECRET=([\w-]{64})$/m.exec(text)?.[1]
  expect(code).toBe(0)
  expect((statSync(join(folder, '.env')).mode & 0o777).toString(8)).toBe('600')
  expect(secret).toBeDefined()
  expect(stdout + stderr).not.toContain(secret)
  for (const name of Object.keys(settings)) expect(text).toMatch(new RegExp(`^${name}=`, 'm'))
})

onSqlite('latchkey init never writes over a .env that is there', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, '.env'), 'DOCS=off\n')

  const { code, stderr } = await run(['init'], { folder })

  expect(code).toBe(1)
  expect(stderr).toContain('Cannot write ".env": there is one already')
  expect(readFileSync(join(folder, '.env'), 'utf8')).toBe('DOCS=off\n')
})

onSqlite('a server starts on what latchkey init wrote', async () => {
  const folder = temporaryFolder()
  await run(['init'], { folder })

  const server = await serve({ folder })

  expect((await server.request('/.well-known/jwks.json')).json()).toEqual({ keys: [] })
})

test('latchkey migrate brings the database up once, and migrate status tells so', async () => {
  const folder = temporaryFolder()
  const before = await run(['migrate', 'status', '--json'], { folder })
  expect(readdirSync(folder)).toEqual([])

  const first = await run(['migrate', '--json'], { folder })
  const second = await run(['migrate'], { folder })

  const after = await run(['migrate', 'status', '--json'], { folder })
  const { migrations } = JSON.parse(before.stdout)
  expect(migrations).toContainEqual({ name: '0001-users-and-sessions', applied_at: null })
  expect(JSON.parse(first.stdout)).toEqual({ applied: migrations.map(({ name }: { name: string }) => name) })
  expect(second.stdout).toBe('Nothing to do: the database is up to date\n')
  expect(JSON.parse(after.stdout).migrations[0].applied_at).toMatch(instant)
})

test('latchkey migrate --plan prints the SQL that migrate runs, and changes nothing', async () => {
  const folder = temporaryFolder()
  const database = () => lookInto(databaseOf(folder))

  const first = await run(['migrate', '--plan', '--json'], { folder })
  const second = await run(['migrate', '--plan'], { folder })

  const { statements } = JSON.parse(first.stdout)
  expect(second.code).toBe(0)
  expect(second.stdout.replaceAll(/'\d{4}-.*?Z'/g, '')).toBe(
    `${statements.map((statement: string) => `${statement};`).join('\n')}\n`.replaceAll(/'\d{4}-.*?Z'/g, ''),
  )
  expect(readdirSync(folder)).toEqual([])
  if (engine === 'sqlite') mkdirSync(join(folder, 'data'))
  database().run(statements.join(';\n'))
  expect((await run(['migrate', '--plan'], { folder })).stdout).toBe('-- Nothing to do: the database is up to date\n')
  expect(await run(['migrate'], { folder })).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Nothing to do/) })
})

onSqlite('latchkey migrate refuses a database that is newer than the program', async () => {
  const { folder, database } = await migratedFolder()
  database.run(`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '2030')`)

  const outcomes = [await run(['migrate'], { folder }), await run(['migrate', 'status'], { folder })]

  expect(outcomes.map(({ code }) => code)).toEqual([1, 1])
  expect(outcomes[0]?.stderr).toContain('it is newer than this program, which does not know 9999-from-the-future')
})

onSqlite.each([[['users', 'list']], [['keys', 'rotate']], [['backup', 'copy.db']], [['check']]])(
  'latchkey %j without a database makes none, and says how to',
  async (words) => {
    const folder = temporaryFolder()

    const { code, stderr } = await run(words, { folder })

    expect(code).toBe(1)
    expect(stderr).toBe(
      'latchkey: Cannot open DATABASE_URL "sqlite:data/latchkey.db": there is no such file: run latchkey migrate first\n',
    )
    expect(readdirSync(folder)).toEqual([])
  },
)

onSqlite('users and keys ask for a migrated database', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'empty.db'), '')

  const { code, stderr } = await run(['users', 'list'], { folder, settings: { DATABASE_URL: 'sqlite:empty.db' } })

  expect(code).toBe(1)
  expect(stderr).toContain('Cannot use this database: it lacks 0001-users-and-sessions')
})

onSqlite.each([
  ['is a folder', 'sqlite:.', 'EISDIR'],
  ['is no database', 'sqlite:notes.txt', 'file is not a database'],
  ['is below a file', 'sqlite:notes.txt/latchkey.db', 'ENOTDIR'],
  ['is where no folder can be made', 'sqlite:/proc/latchkey/latchkey.db', 'ENOENT'],
])('a DATABASE_URL that %s is named, with the reason', async (_, url, reason) => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'notes.txt'), 'Some notes that are no database, whatever one makes of them. '.repeat(20))
  const settings = { DATABASE_URL: url }

  const outcomes = [
    await run(['serve'], { folder, settings }),
    await run(['migrate'], { folder, settings }),
    // Makes no file, so it opens only one that is there.
    ...(existsSync(join(folder, url.replace('sqlite:', '')))
      ? [await run(['migrate', 'status'], { folder, settings })]
      : []),
  ]

  expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([1]))
  for (const { stderr } of outcomes) {
    expect(stderr).toContain(`latchkey: Cannot open DATABASE_URL "${url}": ${reason}`)
    expect(stderr.match(new RegExp(reason, 'g'))).toHaveLength(1)
  }
})

test('latchkey users create makes an account with the password of standard input', async () => {
  const { folder, database } = await migratedFolder()

  const { code, stdout, stderr } = await run(['users', 'create', email, '--json'], { folder, input: `${password}\n` })

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({
    user_id: expect.stringMatching(uuid),
    email,
    created_at: expect.stringMatching(instant),
    last_login: null,
    is_active: true,
  })
  expect(database.events()).toEqual([
    expect.objectContaining({ event_type: 'user_created', ip_address: 'local', user_agent: 'latchkey command line' }),
  ])
})

onSqlite.each([
  ['a weak password', 'eve@example.com', 'weak\n', 'Password does not meet requirements'],
  ['no password', 'eve@example.com', '', 'Password does not meet requirements'],
  ['a malformed email', 'eve', `${password}\n`, 'Invalid input'],
  ['a taken email', 'ADA@example.com', `${password}\n`, 'Email already registered'],
])('latchkey users create with %s ends with 3 and says why', async (_, target, input, said) => {
  const { folder, database } = await folderWithAda()

  const { code, stdout, stderr } = await run(['users', 'create', target], { folder, input })

  expect(code).toBe(3)
  expect(stdout).toBe('')
  expect(stderr).toContain(said)
  expect(database.rows('select id from users')).toHaveLength(1)
})

onSqlite('latchkey users create takes no password as an argument, and does not repeat it', async () => {
  const { folder, database } = await migratedFolder()

  const outcomes = [
    await run(['users', 'create', email, 'OnTheCommandLine1'], { folder }),
    await run(['users', 'create', email, '--password=OnTheCommandLine1'], { folder }),
    await run(['users', 'create', email, '--password', 'OnTheCommandLine1'], { folder }),
  ]

  expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2])
  expect(outcomes.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain('OnTheCommandLine1')
  expect(database.rows('select id from users')).toEqual([])
})

onSqlite('latchkey users show and list tell accounts by email and id, and no hash', async () => {
  const { folder, ada } = await folderWithAda()

  const outcomes = [
    await run(['users', 'show', ' ADA@Example.com ', '--json'], { folder }),
    await run(['users', 'show', ada.user_id, '--json'], { folder }),
    await run(['users', 'list', '--json'], { folder }),
    await run(['users', 'list'], { folder }),
  ]

  expect(JSON.parse(outcomes[0]?.stdout ?? '')).toEqual(ada)
  expect(JSON.parse(outcomes[1]?.stdout ?? '')).toEqual(ada)
  expect(JSON.parse(outcomes[2]?.stdout ?? '')).toEqual({ users: [ada] })
  expect(outcomes[3]?.stdout).toBe(`${ada.user_id}  ${email}  active  created ${ada.created_at}  last login never\n`)
  expect(outcomes.map(({ stdout }) => stdout).join()).not.toContain('$2b$')
})

onSqlite.each(['show', 'disable', 'enable', 'logout'])(
  'latchkey users %s of nobody ends with 3, as one document with --json',
  async (action) => {
    const { folder } = await migratedFolder()

    const { code, stderr } = await run(['users', action, 'nobody@example.com', '--json'], { folder })

    expect(code).toBe(3)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'NOT_FOUND', message: expect.any(String) } })
  },
)

test('latchkey users disable ends every session at a server that runs beside it, and tells its verifiers [ASVS 7.4.2, ASVS 8.3.2]', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder })
  const tokens = (await server.request('/api/auth/signup', { body: { email, password } })).json()
  const stream = await fetch(`${server.url}/api/auth/revocations`)
  let told = ''
  const listening = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stream.body ?? []) told += decoder.decode(chunk)
  })()

  const { code, stdout } = await run(['users', 'disable', email, '--json'], { folder })

  const { status } = JSON.parse(Buffer.from(tokens.token.split('.')[1], 'base64url').toString())
  await expect.poll(() => told, { timeout: 100, interval: 5 }).toContain(`"lists":{"0":[${status.status_list.idx}]}}`)
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ email, is_active: false, changed: true })
  expect((await server.request('/api/auth/me', { token: tokens.token })).json().error.code).toBe('AUTH_REVOKED')
  expect((await server.request('/api/auth/login', { body: { email, password } })).status).toBe(401)
  const refresh = await server.request('/api/auth/refresh', { body: { refresh_token: tokens.refresh_token } })
  expect(refresh.status).toBe(401)
  await server.stop()
  await listening
})

/** A server, two users with two sessions and one, and what the stream of revocations has told. */
async function serverWithSessions() {
  const folder = temporaryFolder()
  const server = await serve({ folder })
  const signUp = async (address: string) =>
    (await server.request('/api/auth/signup', { body: { email: address, password } })).json()
  const adas = await signUp(email)
  const adasOther = (await server.request('/api/auth/login', { body: { email, password } })).json()
  const bobs = await signUp('bob@example.com')
  const codeOf = async ({ token }: { token: string }) => {
    const answer = await server.request('/api/auth/me', { token })
    return answer.status === 200 ? 'alive' : answer.json().error.code
  }
  const codes = () => Promise.all([adas, adasOther, bobs].map(codeOf))
  const refresh = (tokens: { refresh_token: string }) =>
    server.request('/api/auth/refresh', { body: { refresh_token: tokens.refresh_token } })
  return { folder, server, adas, bobs, codes, refresh, database: lookInto(databaseOf(folder)) }
}

onSqlite(
  'latchkey users logout ends every session of one user at a server that runs beside it [ASVS 7.4.5]',
  async () => {
    const { folder, server, adas, codes, refresh, database } = await serverWithSessions()

    const { code, stdout } = await run(['users', 'logout', email, '--json'], { folder })

    expect(await codes()).toEqual(['AUTH_REVOKED', 'AUTH_REVOKED', 'alive'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ user_id: adas.user_id, email, is_active: true, ended: 2 })
    expect((await refresh(adas)).status).toBe(401)
    expect((await server.request('/api/auth/login', { body: { email, password } })).status).toBe(200)
    expect(database.events().filter(({ event_type }) => event_type === 'sessions_revoked')).toEqual([
      expect.objectContaining({ user_id: adas.user_id, ip_address: 'local', user_agent: 'latchkey command line' }),
    ])
  },
)

test('latchkey users logout --all ends every session of everyone at a server that runs beside it [ASVS 7.4.5]', async () => {
  const { folder, server, adas, bobs, codes, refresh, database } = await serverWithSessions()

  const { code, stdout } = await run(['users', 'logout', '--all', '--json'], { folder })

  expect(await codes()).toEqual(['AUTH_REVOKED', 'AUTH_REVOKED', 'AUTH_REVOKED'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({ ended: 3 })
  expect([(await refresh(adas)).status, (await refresh(bobs)).status]).toEqual([401, 401])
  expect((await server.request('/api/auth/login', { body: { email, password } })).status).toBe(200)
  expect(database.events().filter(({ event_type }) => event_type === 'sessions_revoked')).toEqual([
    expect.objectContaining({ user_id: null, ip_address: 'local' }),
  ])
})

onSqlite('latchkey users logout says in words how many sessions it ended', async () => {
  const { folder, ada } = await folderWithAda()

  const one = await run(['users', 'logout', ada.user_id], { folder })
  const all = await run(['users', '--all', 'logout'], { folder })

  expect(one.stdout).toBe(`Ended 0 sessions of ${email}\n`)
  expect(all.stdout).toBe('Ended 0 sessions of everyone\n')
})

onSqlite('latchkey users enable lets a user log in again at a server that runs beside it', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder })
  await server.request('/api/auth/signup', { body: { email, password } })
  await run(['users', 'disable', email], { folder })

  const first = await run(['users', 'enable', email], { folder })
  const second = await run(['users', 'enable', email], { folder })

  expect(first.stdout).toBe(`${email} is now enabled\n`)
  expect(second.stdout).toBe(`${email} is already enabled\n`)
  expect((await server.request('/api/auth/login', { body: { email, password } })).status).toBe(200)
})

onSqlite('latchkey users create makes an account that can log in at a server that runs beside it', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder })

  await run(['users', 'create', email], { folder, input: `${password}\r\n` })

  expect((await server.request('/api/auth/login', { body: { email, password } })).status).toBe(200)
})

onSqlite(
  'latchkey keys rotate publishes a new key beside a running server, whose tokens stay good [ASVS 13.3.4]',
  async () => {
    const folder = temporaryFolder()
    const server = await serve({ folder })
    const { token } = (await server.request('/api/auth/signup', { body: { email, password } })).json()

    const rotated = await run(['keys', 'rotate', '--json'], { folder })
    const listed = await run(['keys', 'list', '--json'], { folder })

    const { kid, activates_at } = JSON.parse(rotated.stdout)
    const kids = JSON.parse(listed.stdout).keys.map((key: { kid: string }) => key.kid)
    expect(kids).toHaveLength(2)
    expect(kids).toContain(kid)
    expect(Date.parse(activates_at) - Date.now()).toBeGreaterThan(500_000)
    expect(rotated.stdout + listed.stdout).not.toMatch(/"d":|PRIVATE/)
    expect((await server.request('/api/auth/me', { token })).status).toBe(200)
  },
)

onSqlite('latchkey keys rotate says when running servers have the new key', async () => {
  const { folder } = await folderWithAda()

  const { stdout } = await run(['keys', 'rotate'], { folder })

  expect(stdout).toMatch(
    /^Made [\w-]{43}: running servers publish it within a minute, and sign with it from \S+Z on\n$/,
  )
})

onSqlite('latchkey keys list prints a line for each published key', async () => {
  const { folder } = await folderWithAda()

  const { code, stdout } = await run(['keys', 'list'], { folder })

  expect(code).toBe(0)
  expect(stdout).toMatch(/^[\w-]{43} {2}ES256\n$/)
})

onSqlite(
  'latchkey apis add prints a credential once and alone, and a server that runs beside it takes it at once',
  async () => {
    const folder = temporaryFolder()
    const server = await serve({ folder })
    const { token } = (await server.request('/api/auth/signup', { body: { email, password } })).json()

    const forScripts = await run(['apis', 'add', 'tasks', '--json'], { folder })
    const forPeople = await run(['apis', 'add', 'mail'], { folder })

    const { credential, ...api } = JSON.parse(forScripts.stdout)
    const printed = forPeople.stdout.slice(0, -1)
    const answers = [await introspect(server.url, credential, token), await introspect(server.url, printed, token)]
    const listed = await run(['apis', 'list', '--json'], { folder })
    const lines = await run(['apis', 'list'], { folder })
    expect(api).toEqual({
      name: 'tasks',
      created_at: expect.stringMatching(instant),
      last_used_at: null,
      revoked_at: null,
    })
    expect(answers.map(({ body }) => body.active)).toEqual([true, true])
    expect([forScripts.stderr, forPeople.stderr]).toEqual(['', 'This credential of mail is not shown again\n'])
    expect(JSON.parse(listed.stdout).apis).toMatchObject([
      { name: 'mail' },
      { ...api, last_used_at: expect.any(String) },
    ])
    expect(lines.stdout).toMatch(/^mail {2}active {2}created \S+ {2}last used \S+Z\ntasks {2}active .*\n$/)
    expect(listed.stdout + lines.stdout + server.stdout()).not.toContain('lka_')
  },
)

onSqlite('latchkey apis revoke makes a credential void at once at a server that runs beside it', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder })
  const { credential } = JSON.parse((await run(['apis', 'add', 'tasks', '--json'], { folder })).stdout)
  const before = await introspect(server.url, credential, 'x')

  const first = await run(['apis', 'revoke', 'tasks'], { folder })
  const after = await introspect(server.url, credential, 'x')

  const second = await run(['apis', 'revoke', 'tasks', '--json'], { folder })
  expect([before.status, after.status]).toEqual([200, 401])
  expect(first.stdout).toBe('tasks is now revoked\n')
  expect(JSON.parse(second.stdout)).toMatchObject({ name: 'tasks', changed: false, revoked_at: expect.any(String) })
})

onSqlite.each([
  [['apis', 'add', 'Tasks API'], 'Must be 1 to 64 characters'],
  [['apis', 'add', 'tasks'], 'Name already taken'],
  [['apis', 'revoke', 'nobody'], 'Not found'],
])('latchkey %j ends with 3 and says why', async (words, said) => {
  const { folder, auth, close } = await migratedFolder()
  await auth.addApi({ name: 'tasks', origin: originAt('local') })
  await close()

  const { code, stdout, stderr } = await run(words, { folder })

  expect(code).toBe(3)
  expect(stdout).toBe('')
  expect(stderr).toContain(said)
})

async function introspect(url: string, credential: string, token: string) {
  const answer = await fetch(`${url}/api/auth/introspect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}` },
    body: new URLSearchParams({ token }),
  })
  return { status: answer.status, body: (await answer.json()) as { active?: boolean } }
}
