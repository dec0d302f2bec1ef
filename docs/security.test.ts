import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { settings } from '../packages/server/src/config/settings.ts'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { ada, testHouse } from '../packages/server/src/testing/test-house.ts'
import { codeBlocks, flat, readPage, root, sectionOf, tableRows } from './markdown.ts'
import { startProgram, startServer } from './started-server.ts'

const page = readPage('SECURITY.md')
const section = (heading: string) => flat(sectionOf(page, heading))
const firstCells = (heading: string) => tableRows(sectionOf(page, heading)).map(([cell = '']) => cell)

test('SECURITY.md states the limits, the waits and why nobody can lock an owner out for long [ASVS 6.1.1]', () => {
  const limits = section('Limits')

  expect(limits).toContain(
    'Per client address at most 5 logins and 5 signups a minute (`RATE_LIMIT_LOGIN`, `RATE_LIMIT_SIGNUP`)',
  )
  expect(limits).toContain(
    'for each account 10 login attempts an hour from addresses that never signed in to it (`RATE_LIMIT_ACCOUNT`)',
  )
  expect(limits).toContain('at most a minute for an address, at most an hour for an account; `Retry-After` says it')
  expect(limits).toContain('does not stop, attempts from a network in which the owner signed in before')
  expect(limits).toContain('An account is never disabled by failures')
})

test('an owner logs in from a known address while a stranger has spent the account limit, as SECURITY.md says', async () => {
  const { auth } = await testHouse({ RATE_LIMIT_ACCOUNT: '1/hour' })
  await auth.signUp(ada)
  const stranger = { ...ada.origin, address: '198.51.100.7', network: '198.51.100.7' }
  const guess = { email: ada.email, password: 'WrongPass123', origin: stranger }
  await expect(auth.logIn(guess)).rejects.toMatchObject({ code: 'AUTH_FAILED' })
  await expect(auth.logIn(guess)).rejects.toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })

  const tokens = await auth.logIn(ada)

  expect(tokens.email).toBe(ada.email)
})

type Attempt = { request: Awaited<ReturnType<typeof testHouse>>['request']; token: string; number: number }

const wrongPassword = 'WrongPass123'
const guess = { body: { email: ada.email, password: wrongPassword } }
const change = { current_password: wrongPassword, new_password: 'AnotherGood1' }

test.each<[string, number, (attempt: Attempt) => Promise<{ status: number }>]>([
  ['5 logins', 5, ({ request }) => request('/api/auth/login', { ...guess, address: '203.0.113.1' })],
  [
    '5 signups a minute',
    5,
    ({ request, number }) =>
      request('/api/auth/signup', {
        body: { email: `user${number}@example.com`, password: ada.password },
        address: '203.0.113.1',
      }),
  ],
  [
    'A change of password counts as a login does',
    5,
    ({ request, token }) => request('/api/auth/password', { body: change, token, address: '203.0.113.1' }),
  ],
  [
    'for each account 10 login attempts an hour',
    10,
    ({ request, number }) => request('/api/auth/login', { ...guess, address: `203.0.113.${number}` }),
  ],
])('the limit of SECURITY.md "%s" lets %i attempts pass and no more [ASVS 2.3.2]', async (stated, limit, attempt) => {
  const { request } = await testHouse({ RATE_LIMIT_LOGIN: '', RATE_LIMIT_SIGNUP: '', RATE_LIMIT_ACCOUNT: '' })
  const signUp = await request('/api/auth/signup', { body: { email: ada.email, password: ada.password } })
  const { token } = signUp.json()
  const statuses: number[] = []

  for (let number = 1; number <= limit + 1; number++) {
    statuses.push((await attempt({ request, token, number })).status)
  }

  expect(section('Limits')).toContain(stated)
  expect(statuses.indexOf(429)).toBe(limit)
})

test('SECURITY.md lists every way to a session with its checks and strength [ASVS 6.1.3]', () => {
  const ways = tableRows(sectionOf(page, 'Ways to a session'))

  expect(ways.map(([way]) => way)).toEqual(['signup', 'login', 'refresh'])
  expect(ways.filter(([, checks = '', strength = '']) => checks === '' || strength === '')).toEqual([])
  expect(section('Ways to a session')).toContain(
    'There is no other: no password reset, no passkey, no OpenID Connect, no API key, no session that an operator can open',
  )
})

test('the operations that answer with tokens are the ways to a session of SECURITY.md', () => {
  const contract = parse(readPage('contracts/auth.yaml')) as { paths: Record<string, Record<string, object>> }
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, text: JSON.stringify(operation) })),
  )

  const withTokens = operations.filter(({ text }) => text.includes('#/components/schemas/Tokens'))

  const ways = firstCells('Ways to a session').map((way) => `/api/auth/${way}`)
  expect(withTokens.map(({ path }) => path)).toEqual(ways)
})

test('SECURITY.md gives the life of each token and session with reasons [ASVS 7.1.1]', () => {
  const lifetimes = tableRows(sectionOf(page, 'Sessions'))

  expect(lifetimes.map((row) => row.slice(0, 3))).toEqual([
    ['access token', '24 hours', 'ACCESS_TOKEN_TTL'],
    ['refresh token that is not used (idle)', '30 days', 'REFRESH_TOKEN_TTL'],
    ['session, however often refreshed', '30 days', 'SESSION_TTL'],
  ])
  expect(section('Sessions')).toContain(
    'NIST SP 800-63B-4, section 2.1.3: at most 30 days at one factor. We do not exceed it',
  )
})

test('the default lifetimes are those of SECURITY.md', async () => {
  const { config } = await testHouse()
  const day = 24 * 60 * 60

  const { ACCESS_TOKEN_TTL, REFRESH_TOKEN_TTL, SESSION_TTL } = config

  expect([ACCESS_TOKEN_TTL, REFRESH_TOKEN_TTL, SESSION_TTL]).toEqual([day, 30 * day, 30 * day])
})

test('SECURITY.md states how many sessions an account may have and what happens beyond [ASVS 7.1.2]', () => {
  expect(section('Sessions')).toContain(
    'The number of sessions of one account is not bounded: a login opens one more and ends none, and no maximum can be exceeded',
  )
})

test('SECURITY.md states the rule of the path and every route with another [ASVS 8.1.1]', () => {
  const { paths } = parse(readPage('contracts/auth.yaml')) as { paths: Record<string, object> }
  const [routes = ''] = sectionOf(page, 'Authorization').split('No route is for operators')

  const named = [...routes.matchAll(/`(\/[^`]+)`/g)].map(([, path]) => path)

  expect(section('Authorization')).toContain('a token for user X opens only paths under `/X/`')
  expect(Object.keys(paths).filter((path) => !named.includes(path))).toEqual([])
})

test('SECURITY.md says of every field of a user who may read and who may write it [ASVS 8.1.2]', () => {
  const fields = tableRows(sectionOf(page, 'Authorization'))
    .filter((row) => row.length === 3)
    .map(([field]) => field)

  const columns = tableRows(sectionOf(readPage('docs/data-model.md'), 'users')).map(([column]) => column)
  expect(fields).toEqual(columns)
})

test('SECURITY.md lists the context that decisions use, and says that there is no other [ASVS 8.1.3]', () => {
  const authorization = section('Authorization')

  expect(authorization).toContain("Decisions use the time, the client's address")
  expect(authorization).toContain('No other context is used: the user agent is written down and decides nothing')
})

test('SECURITY.md says who gets tokens and shows a backend for the front end [ASVS 10.1.1]', () => {
  const browsers = section('Browsers')

  expect(browsers).toContain('The browser holds no token at all')
  expect(browsers).toContain(
    'Tokens are given to the caller who showed the password or the refresh token and to nobody else',
  )
  expect(codeBlocks(page, 'ts')).toHaveLength(1)
})

test('the backend for the front end of SECURITY.md logs in, reads the profile and logs out, and gives away no token', async () => {
  const { url } = await startServer()
  const port = await freePort()
  const [code = ''] = codeBlocks(page, 'ts')
  await startProgram(code.replace('http://localhost:8000', url).replace('3000', String(port)), port)
  const body = JSON.stringify({ email: ada.email, password: ada.password })
  const headers = { 'content-type': 'application/json' }
  await fetch(`${url}/api/auth/signup`, { method: 'POST', headers, body })
  const front = `http://localhost:${port}`

  const login = await fetch(`${front}/login`, { method: 'POST', body })
  const cookie = login.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  const profile = await fetch(`${front}/profile`, { headers: { cookie } })
  const logout = await fetch(`${front}/logout`, { method: 'POST', headers: { cookie } })
  const after = await fetch(`${front}/profile`, { headers: { cookie } })

  expect([login.status, await login.text()]).toEqual([204, ''])
  expect(cookie).toMatch(/^__Host-session=[\w-]{43}$/)
  expect(await profile.json()).toMatchObject({ email: ada.email })
  expect([logout.status, after.status]).toEqual([204, 401])
})

test('SECURITY.md has a policy for each kind of key, from its making to its end [ASVS 11.1.1]', () => {
  const [policies = ''] = sectionOf(page, 'Keys').split('### ')
  const rows = tableRows(policies)

  expect(rows.map(([key = '']) => key.replace(/ \(.*/, ''))).toEqual([
    'signing key pairs',
    '`JWT_SECRET`',
    'master key',
    'sealing keys of successors',
    'pepper',
    'cookie key',
    'TLS',
  ])
  expect(flat(policies)).toContain('by `latchkey keys rotate`; we advise every 90 days')
})

test('SECURITY.md lists every file that imports cryptography, and no other [ASVS 11.1.2]', () => {
  const files = globSync('packages/*/src/**/*.ts', { cwd: root })
    .filter((path) => !path.endsWith('.test.ts') && !path.includes('/testing/'))
    .filter((path) => /['"]((node:)?crypto|@node-rs\/bcrypt)['"]/.test(readFileSync(join(root, path), 'utf8')))

  expect(firstCells('Cryptographic inventory')).toEqual(files.toSorted())
})

test.each([
  ['HMAC-SHA-256', /createHmac\('sha256'/],
  ['ECDSA P-256', /ieee-p1363/],
  ['Ed25519', /'ed25519'/],
  ['RSA-3072', /rsaBits = 3072/],
  ['AES-256-GCM', /'aes-256-gcm'/],
  ['HKDF-SHA-256', /hkdfSync\('sha256'/],
  ['bcrypt', /hashSync/],
])('the algorithm %s of the inventory is in the code', (name, trace) => {
  const sources = globSync('packages/*/src/**/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts'))

  const isThere = sources.some((path) => trace.test(readFileSync(join(root, path), 'utf8')))

  expect(section('Cryptographic inventory')).toContain(name)
  expect(isThere).toBe(true)
})

test('SECURITY.md has a plan for moving to other algorithms, post-quantum signatures too [ASVS 11.1.4]', () => {
  const inventory = section('Cryptographic inventory')

  expect(inventory).toContain('`JWT_ALGORITHM` and `keys rotate` change the algorithm while old tokens stay valid')
  expect(inventory).toContain('Post-quantum: ECDSA, Ed25519 and RSA fall to a large quantum computer')
  expect(inventory).toContain('ML-DSA (FIPS 204)')
})

test('SECURITY.md has an inventory of every log stream [ASVS 16.1.1]', () => {
  const streams = tableRows(sectionOf(page, 'Logs'))

  expect(streams.map(([stream]) => stream)).toEqual(['operational log', 'messages to the terminal', 'audit log'])
  expect(streams.filter((cells) => cells.length !== 6 || cells.includes(''))).toEqual([])
  expect(section('Logs')).toContain('Nothing else is written: no other file, no service')
})

test('SECURITY.md classifies every stored field and every claim of an access token [ASVS 14.1.1]', async () => {
  const { auth } = await testHouse({ JWT_AUDIENCE: 'notes' })
  const model = readPage('docs/data-model.md')
  const tables = [...model.matchAll(/^## (\S+)$/gm)]
    .map(([, name = '']) => name)
    .filter((name) => !/^kysely/.test(name))
  const columns = tables.flatMap((table) => tableRows(sectionOf(model, table)).map(([column]) => `${table}.${column}`))
  const { accessToken } = await auth.signUp(ada)

  const classified = tableRows(sectionOf(page, 'Data')).filter((row) => row.length === 2)

  const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())
  const fields = classified.map(([field = '']) => field)
  expect(fields.filter((field) => field.includes('.'))).toEqual(columns)
  expect(fields.filter((field) => !field.includes('.')).toSorted()).toEqual(Object.keys(claims).toSorted())
  expect(new Set(classified.map(([, name]) => name))).toEqual(new Set(['secret', 'personal', 'internal', 'public']))
})

test('SECURITY.md has rules for encryption, logs, retention and access of every class of data [ASVS 14.1.2]', () => {
  const rules = tableRows(sectionOf(page, 'Data')).filter((row) => row.length === 5)

  expect(rules.map(([name]) => name)).toEqual(['secret', 'personal', 'internal', 'public'])
  expect(rules.filter((cells) => cells.includes(''))).toEqual([])
})

test('SECURITY.md lists all outgoing connections [ASVS 13.1.1]', () => {
  const outgoing = section('Outgoing connections')

  expect(outgoing).toContain('The server makes none but to the Postgres that `DATABASE_URL` names')
  expect(outgoing).toContain('connects to the issuer alone')
})

test('no file of the server opens a connection but the one to Postgres, as SECURITY.md says', () => {
  const sources = globSync('packages/server/src/**/*.ts', { cwd: root }).filter(
    (path) => !/\.test\.ts$|\/testing\//.test(path),
  )

  const callers = sources.filter((path) => {
    const source = readFileSync(join(root, path), 'utf8')
    return /\bawait fetch\(|\bhttps?\.(get|request)\(|\{[^}]*\brequest\b[^}]*\} from 'node:https?'|\bconnect\(|'node:dns/.test(
      source,
    )
  })

  expect(callers).toEqual([
    'packages/server/src/storage/postgres-dialect.ts',
    'packages/server/src/storage/postgres-news.ts',
    'packages/server/src/storage/postgres-pour.ts',
  ])
})

test('SECURITY.md gives the size of the pool and what happens at its limit [ASVS 13.1.2]', () => {
  const databases = tableRows(sectionOf(page, 'Cost')).filter(([resource]) => resource?.startsWith('database'))

  expect(databases[0]?.slice(0, 2)).toEqual([
    'database connections (Postgres)',
    `${settings.DATABASE_POOL_SIZE.fallback} for each process (\`DATABASE_POOL_SIZE\`)`,
  ])
  expect(databases[1]).toEqual([
    'database connection (SQLite)',
    'one for each process; queries take turns',
    "in this process without a limit; 5 seconds for another process's write",
    '503 `UNAVAILABLE`',
  ])
})

test('SECURITY.md gives the time limits, retries and releases of every resource [ASVS 13.1.3]', () => {
  const resources = tableRows(sectionOf(page, 'Cost')).filter(([resource = '']) =>
    /request|SIGTERM|issuer|stream of/.test(resource),
  )

  expect(resources.map(([resource]) => resource)).toContain(
    "a request's headers, a whole request, the next request on a connection",
  )
  expect(resources.map(([resource]) => resource)).toContain("the issuer's keys, asked by a verifier")
  expect(section('Cost')).toContain('Everything that is opened is released when the answer is out')
  expect(section('Cost')).toContain('reconnects after 0.1 to 5 seconds, doubling, half of it random')
})

test('SECURITY.md lists every secret with its rotation [ASVS 13.1.4]', () => {
  const secrets = tableRows(sectionOf(page, 'Secrets'))

  expect(secrets.map(([secret]) => secret)).toEqual([
    'JWT_SECRET',
    'master key',
    'private signing keys',
    'PASSWORD_PEPPER',
    'API credentials',
    'database file',
  ])
  expect(secrets.filter(([, , rotation = '']) => rotation === '')).toEqual([])
})

test('every setting that is a secret is in the list of SECURITY.md', () => {
  const secrets = section('Secrets')

  expect(secrets).toContain('`JWT_SECRET`')
  expect(secrets).toContain('`MASTER_KEY`')
})

test('SECURITY.md publishes time limits for vulnerable dependencies [ASVS 15.1.1]', () => {
  expect(tableRows(sectionOf(page, 'Vulnerable dependencies'))).toEqual([
    ['critical', '3 days'],
    ['high', '7 days'],
    ['medium', '30 days'],
    ['low', '90 days'],
  ])
})

test('SECURITY.md names the costly operations with their bounds [ASVS 15.1.3]', () => {
  const [hashing = []] = tableRows(sectionOf(page, 'Cost'))

  expect(hashing.join(' ')).toContain('hashing a password (bcrypt, cost 12)')
  expect(hashing.join(' ')).toContain('one for each core')
  expect(hashing.join(' ')).toContain('none waits longer than `HASH_MAX_WAIT` (2 seconds)')
  expect(hashing.join(' ')).toContain('503 `OVERLOADED`')
})

test('SECURITY.md says of every dependency of the server why it is risky [ASVS 15.1.4]', () => {
  const { dependencies } = JSON.parse(readPage('packages/server/package.json')) as { dependencies: object }
  const [table = ''] = sectionOf(page, 'Dangerous places').split('Code to read twice')

  const named = tableRows(table).map(([name]) => name)

  expect(named.toSorted()).toEqual(Object.keys(dependencies).toSorted())
})

test('SECURITY.md names the dangerous places of the code, and they exist [ASVS 15.1.5]', () => {
  const [, table = ''] = sectionOf(page, 'Dangerous places').split('Code to read twice')
  const places = [...table.matchAll(/`(packages\/[^`]+)`/g)].map(([, path = '']) => path)

  const lost = places.filter((path) => globSync(path, { cwd: root }).length === 0)

  expect(lost).toEqual([])
  expect(places).toContain('packages/server/src/storage')
  expect(places).toContain('packages/server/src/crypto')
  expect(places).toContain('packages/verify/src/strict-json.ts')
})

test('SECURITY.md says why the login is not the password grant [RFC9700-2.4]', () => {
  const ways = section('Ways to a session')

  expect(ways).toContain('there are no client registrations and no token endpoint')
  expect(ways).toContain('`grant_type=password` as OAuth sends it (a form) is refused with 415')
  expect(ways).toContain('Third parties must not be given it')
})

test('POST /api/auth/login refuses grant_type=password as OAuth sends it', async () => {
  const { request } = await testHouse()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }

  const body = 'grant_type=password&username=ada@example.com&password=SecurePass123'
  const { status } = await request('/api/auth/login', { method: 'POST', headers, body })

  expect(status).toBe(415)
})

test('SECURITY.md says which clients get refresh tokens, and what holds the risk [RFC9700-4.14.2a]', () => {
  expect(section('Ways to a session')).toContain('Every client that logs in gets one, for there is one kind of client')
  expect(section('Ways to a session')).toContain('rotation at each use, the end of the session on reuse')
})

test('SECURITY.md advises against local storage for tokens [NIST63B4-5.1b]', () => {
  expect(section('Browsers')).toContain('Keep tokens out of local storage and session storage')
})

test('SECURITY.md says that an access token does not prove that the user is present [NIST63B4-5.1.2]', () => {
  expect(section('Sessions')).toContain('What an access token does not prove. That the user is present')
})

test('SECURITY.md says how long an API that keeps answers of introspection honours a revoked token [RFC7662-4c]', () => {
  const sessions = section('Sessions')

  expect(sessions).toContain('Answers are `no-store`; keep none')
  expect(sessions).toContain('honours a revoked token for as long as it keeps an answer')
  expect(sessions).toContain(
    'no more than 30 seconds, which is what the verifier allows itself, and never beyond `exp`',
  )
})

test('SECURITY.md tells clients how to handle access tokens, and which claims are personal [RFC9068-6]', () => {
  const browsers = section('Browsers')

  expect(browsers).toContain("over TLS only, in the Authorization header, never in a page's URL")
  expect(browsers).toContain('Treat them as opaque')
  expect(browsers).toContain('Make them short-lived where logouts are not followed')
  const [, claims = ''] = sectionOf(page, 'Data').split('The claims of an access token')
  const personal = tableRows(claims).filter(([, kind]) => kind === 'personal')
  expect(personal.map(([claim]) => claim)).toEqual(['email'])
})

test.each([
  'signup tells that an address is taken',
  'shared-secret mode: HS256',
  'tokens have no `aud` unless `JWT_AUDIENCE` is set',
  'the token holds the email',
  'the token is in the body and in a cookie',
  'unknown members of a body are ignored',
  'the default password policy asks for classes and 8 characters',
  'on SQLite limits are counted in memory',
  "listing and ending one's sessions asks for no password again",
  'a login does not end the session that the request may carry; a change of password keeps the one that asks',
  'any API with a credential can revoke any token that it holds',
  'errors of introspection and revocation have the one error shape',
  'the metadata has no `token_endpoint`',
  'after `BCRYPT_COST` was lowered, accounts with dearer hashes take longer to refuse',
])('SECURITY.md names the deviation: %s', (deviation) => {
  const named = firstCells('Deviations')

  expect(named.filter((what) => what.startsWith(deviation))).toHaveLength(1)
})

test('SECURITY.md says that passwords are not normalised, and reconciles the sources [NIST63B4-3.1.1.2-norm]', () => {
  const deviations = flat(sectionOf(page, 'Deviations'))

  expect(deviations).toContain('passwords are taken as received, not brought to NFC')
  expect(deviations).toContain('ASVS 6.2.8 asks for this')
})
