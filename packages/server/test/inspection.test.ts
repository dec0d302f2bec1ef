import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { endpointsOf } from '../src/http/app.ts'
import { contractOf } from '../src/http/contract.ts'
import { testHouse } from '../src/testing/test-house.ts'

const root = new URL('../../../', import.meta.url)
const isShipped = (path: string) => !/\.test\.ts$|\/testing\//.test(path)
const sources = globSync('packages/{server,verify}/src/**/*.ts', { cwd: root })
  .filter(isShipped)
  .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))

/** The shipped files whose text matches. */
function filesWith(pattern: RegExp): string[] {
  return sources
    .filter(({ text }) => pattern.test(text))
    .map(({ path }) => path.replace(/^packages\/(\w+)\/src\//, '$1/'))
}

const contract = JSON.stringify(contractOf(endpointsOf({ servesMetrics: true }), '/'))

test('no shipped file starts a process or a shell [ASVS 1.2.5]', () => {
  expect(filesWith(/node:child_process|node:cluster/)).toEqual([])
})

test('no shipped file makes a regular expression of a value [ASVS 1.2.9]', () => {
  // The one that is copied is a constant: the copy has a place of its own to read on from.
  expect(filesWith(/\bRegExp\s*\((?!forwardedPair\))/)).toEqual([])
})

test('no shipped file evaluates text as a program [ASVS 1.3.2]', () => {
  expect(filesWith(/\beval\s*\(|new Function\b|node:vm|setTimeout\(\s*['"`]/)).toEqual([])
})

test('every JSON answer is written by JSON.stringify, in the few files that write answers [ASVS 1.1.2, ASVS 1.2.3]', () => {
  const writers = filesWith(/\banswer\(c,|\bcontext\.json\(|new Response\(|\.body\(/)

  expect(writers.toSorted()).toEqual([
    'server/http/answer.ts',
    'server/http/app.ts',
    'server/http/endpoint.ts',
    'server/http/metrics.ts',
    'server/http/node-listener.ts',
    'server/http/routes/docs.ts',
    'server/http/routes/operations.ts',
    'server/http/routes/revocations.ts',
    'server/http/routes/status-lists.ts',
    'verify/fetch.ts',
    'verify/health.ts',
    'verify/hono.ts',
  ])
})

test('no answer goes out by a way of the framework, which knows nothing of the headers that each must bear [ASVS 3.2.1]', () => {
  expect(filesWith(/\bc\.(json|html|text|body|header|redirect|newResponse)\(/)).toEqual([])
})

test('files are written by the database and its backup, the master key and latchkey init, and by nothing else [ASVS 16.2.3]', () => {
  const writers = filesWith(/writeFileSync|writeSync|openSync|createWriteStream|appendFile|node:fs\/promises'.*write/)

  expect(writers.toSorted()).toEqual([
    'server/cli/init.ts',
    'server/crypto/master-key.ts',
    'server/storage/sqlite-dialect.ts',
    'server/storage/sqlite-journal.ts',
    'server/storage/sqlite-upkeep.ts',
  ])
})

test('the server makes no request of its own: what it speaks to is the database and who asks it', () => {
  const callers = filesWith(/(?<!app\.|=> )\bfetch\((?!request)|\brequest as request|node:https|node:dns|node:tls/)

  expect(callers.filter((path) => path.startsWith('server/'))).toEqual([])
})

test('randomness comes from node:crypto; two exceptions spread reconnections, and are no secrets [ASVS 11.5.1]', () => {
  expect(filesWith(/Math\.random/).toSorted()).toEqual(['server/storage/postgres-news.ts', 'verify/event-stream.ts'])
})

test('no column, request or answer knows of hints or security questions [ASVS 6.4.2, NIST63B4-3.1.1.2-7, NIST63B4-3.1.1.2-8]', async () => {
  const migrations = filesWith(/addColumn\('[a-z_]*(hint|question|answer)/)

  expect(migrations).toEqual([])
  expect(contract).not.toMatch(/(?<!token_type_)hint|security_question|secret_answer/i)
})

test('no route takes a callback for JSONP, nor answers with a script [ASVS 3.5.6]', async () => {
  const { request } = await testHouse()

  const answer = await request('/healthz?callback=steal')

  expect(contract).not.toMatch(/callback/i)
  expect(answer.text).toBe('{"status":"ok"}')
})

test('a request that came over plain HTTP is served, never redirected [ASVS 4.1.2]', async () => {
  const { request } = await testHouse({ PUBLIC_URL: 'https://auth.example.com', TRUSTED_PROXIES: '192.0.2.1' })

  const answer = await request('/healthz', { headers: { 'x-forwarded-proto': 'http' } })

  expect(answer.status).toBe(200)
  expect(answer.headers.get('location')).toBeNull()
})

test('what clients send as text comes back in no header of the answer [ASVS 1.2.1]', async () => {
  const { request } = await testHouse()

  const answer = await request('/api/auth/login?x=marker', {
    body: { email: 'marker@example.com', password: 'marker' },
    headers: { 'user-agent': 'marker', 'x-request-id': 'marker', origin: 'https://marker.example.com' },
  })

  expect(answer.status).toBe(401)
  expect(JSON.stringify([...answer.headers])).not.toContain('marker')
})

test.each(['verify', 'server'])(
  'the package %s is published as built, without tests, sources or environment files [ASVS 13.4.1, ASVS 15.2.3]',
  (name) => {
    const { files } = JSON.parse(readFileSync(new URL(`packages/${name}/package.json`, root), 'utf8'))
    const { exclude } = JSON.parse(readFileSync(new URL(`packages/${name}/tsconfig.build.json`, root), 'utf8'))

    expect(files.filter((entry: string) => entry !== 'bin')).toEqual(['dist'])
    expect(exclude).toEqual(['**/*.test.ts', '**/testing/**'])
  },
)

test('the repository holds no secret and no environment file; one that is made is ignored [ASVS 13.3.1]', () => {
  const ignored = readFileSync(new URL('.gitignore', root), 'utf8').split('\n')
  const example = readFileSync(new URL('.env.example', root), 'utf8')

  expect(ignored).toEqual(expect.arrayContaining(['.env', 'data/']))
  expect(example.match(/^(JWT_SECRET|MASTER_KEY|PASSWORD_PEPPER|PASSWORD_PEPPER_PREVIOUS)=.+$/gm)).toBeNull()
})

test('an answer to a fault holds no stack, also at the most talkative log level [ASVS 13.4.2]', async () => {
  const house = await testHouse({ LOG_LEVEL: 'debug' })
  await house.close()

  const answer = await house.request('/api/auth/login', {
    body: { email: 'ada@example.com', password: 'SecurePass123' },
  })

  expect(answer.status).toBe(503)
  expect(answer.text).not.toMatch(/\bat |Error:|\.ts|kysely|sqlite/i)
})

test('every package is installed from one registry, at the version and with the hash of the lock file [ASVS 15.2.4]', () => {
  const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as {
    packages: Record<string, { version?: string; integrity?: string; resolved?: string; link?: true }>
  }
  const installed = Object.entries(lock.packages).filter(([path, { link }]) => path.includes('node_modules/') && !link)
  const pinned = globSync(['package.json', '{packages,examples,bench}/*/package.json', 'bench/package.json'], {
    cwd: root,
  })
    .map((path) => JSON.parse(readFileSync(new URL(path, root), 'utf8')))
    .flatMap(({ dependencies = {}, devDependencies = {} }) => Object.entries({ ...dependencies, ...devDependencies }))

  const origins = installed.flatMap(([, { resolved }]) => (resolved ? [new URL(resolved).host] : []))

  expect(installed.length).toBeGreaterThan(200)
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([])
  expect(new Set(origins).size).toBeLessThanOrEqual(1)
  expect(pinned.filter(([, version]) => !/^(npm:\w+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))).toEqual([])
})

test('no shipped file has a switch by which a certificate would not be checked, but sslmode=require of the database [ASVS 12.3.2]', () => {
  expect(filesWith(/rejectUnauthorized|NODE_TLS_REJECT_UNAUTHORIZED|checkServerIdentity|insecureHTTPParser/)).toEqual([
    'server/storage/postgres-address.ts',
  ])
})

test('keys are derived of random secrets alone, by HKDF: no key comes from what people choose [ASVS 11.4.4]', () => {
  expect(filesWith(/\b(scrypt|pbkdf2|argon2)(Sync)?\b/)).toEqual([])
  expect(filesWith(/\bhkdf(Sync)?\b/)).toEqual(['server/crypto/seal.ts'])
  expect(filesWith(/\bsealUnder\(/).toSorted()).toEqual([
    'server/cli/core.ts',
    'server/crypto/seal.ts',
    'server/flows/refresh-session.ts',
    'server/hashing/pepper.ts',
  ])
})
