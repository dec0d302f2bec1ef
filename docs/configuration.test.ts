import { expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../packages/server/src/config/load-config.ts'
import { type SettingName, settings } from '../packages/server/src/config/settings.ts'
import { testHouse } from '../packages/server/src/testing/test-house.ts'
import { flat, readPage, sectionOf, tableRows } from './markdown.ts'

const page = readPage('docs/configuration.md')
const names = Object.keys(settings) as SettingName[]
const rows = tableRows(sectionOf(page, 'Every variable'))

test('docs/configuration.md lists every variable with its default and meaning, and no other', () => {
  const documented = rows.map((row) => row.slice(0, 3))

  const actual = names.map((name) => [name, settings[name].fallback || 'unset', settings[name].meaning])
  expect(documented).toEqual(actual)
})

test.each(names)('docs/configuration.md says what %s takes', (name) => {
  const takes = rows.find(([variable]) => variable === name)?.[3]

  expect(takes).toMatch(/^(`|a |an |at least |any |words |origins |IP |32 )/)
})

test.each([
  ['PORT', 'eighty'],
  ['BCRYPT_COST', '9'],
  ['JWT_ALGORITHM', 'none'],
  ['PUBLIC_URL', 'localhost'],
  ['DATABASE_URL', 'mysql:here'],
  ['MASTER_KEY', 'short'],
  ['METRICS', 'on'],
  ['LOG_LEVEL', 'loud'],
  ['TRUSTED_PROXIES', 'here'],
  ['CORS_ORIGINS', 'here'],
] as const)('the server refuses a wrong %s in the words of docs/configuration.md', (name, value) => {
  const takes = rows.find(([variable]) => variable === name)?.[3]?.replaceAll('`', '')

  const load = () => loadConfig({ NODE_ENV: 'production', [name]: value })

  expect(load).toThrow(ConfigError)
  expect(load).toThrow(`${name} must be ${takes?.replace(/ \(from 4.*$/, '')}: it is`)
})

test('docs/configuration.md lists the words that are refused inside a new password [ASVS 6.1.2]', () => {
  const section = flat(sectionOf(page, 'Passwords that are refused'))

  expect(section).toContain('the product (`latchkey`), the host of `PUBLIC_URL`')
  expect(section).toContain("each of that host's labels of more than three letters")
  expect(section).toContain('each word of `PASSWORD_CONTEXT_WORDS`')
  expect(section).toContain('on the list of `PASSWORD_BLOCKLIST`')
  expect(section).toContain("made of the account's own address")
})

test.each([
  ['Latchkey2026!', 'Must not be the name of this service: choose another'],
  ['Login12345', 'Must not be the name of this service: choose another'],
  ['Example-2026', 'Must not be the name of this service: choose another'],
  ['1login.Example.com', 'Must not be the name of this service: choose another'],
  ['Password123', 'Is on the list of common passwords: choose another'],
])('the password %s is refused as docs/configuration.md says', async (password, issue) => {
  const { auth } = await testHouse({ PUBLIC_URL: 'https://login.example.com' })
  const origin = { address: '192.0.2.1', network: '192.0.2.1', userAgent: '', requestId: crypto.randomUUID() }

  const attempt = auth.signUp({ email: 'ada@example.com', password, origin })

  await expect(attempt).rejects.toMatchObject({ code: 'VALIDATION_PASSWORD', details: [{ issue }] })
})

test.each(['my Latchkey opens the red door 9', 'SecurePass123'])(
  'the password %s is accepted as docs/configuration.md says',
  async (password) => {
    const { auth } = await testHouse({ PUBLIC_URL: 'https://login.example.com' })
    const origin = { address: '192.0.2.1', network: '192.0.2.1', userAgent: '', requestId: crypto.randomUUID() }

    const tokens = await auth.signUp({ email: 'ada@example.com', password, origin })

    expect(tokens.email).toBe('ada@example.com')
  },
)

test('docs/configuration.md gives the limits for each client, each account and over all [ASVS 2.1.3]', () => {
  const section = sectionOf(page, 'Limits')

  const limits = tableRows(section).map(([name, variable]) => [name, variable])
  expect(limits).toEqual([
    ['login', 'RATE_LIMIT_LOGIN'],
    ['signup', 'RATE_LIMIT_SIGNUP'],
    ['account', 'RATE_LIMIT_ACCOUNT'],
    ['device', 'RATE_LIMIT_ACCOUNT'],
    ['introspect', 'RATE_LIMIT_INTROSPECT'],
    ['global', 'RATE_LIMIT_GLOBAL'],
  ])
  expect(flat(section)).toContain('no limit for each signed-in user and none over all clients but these')
  expect(flat(section)).toContain(
    'a password waits for its hash no longer than `HASH_MAX_WAIT`; 4,096 streams of revocations, 256 of one network',
  )
  expect(flat(section)).toContain('10,000 connections, 2,000 of one network that is not in `TRUSTED_PROXIES`')
})

test('docs/configuration.md gives the rules that join two settings [ASVS 2.1.2]', () => {
  const joined = tableRows(sectionOf(page, 'Which settings go together')).map(([which]) => which)

  expect(joined).toContain('`JWT_SECRET`, `JWT_ALGORITHM`')
  expect(joined).toContain('`JWT_AUDIENCE` and the verifiers')
  expect(joined).toContain('`REFRESH_TOKEN_TTL`, `SESSION_TTL`')
})

test('docs/configuration.md says that the sessions of one account are not bounded [ASVS 7.1.2]', () => {
  const section = flat(sectionOf(page, 'Lifetimes'))

  expect(section).toContain('The number of sessions of one account is not bounded, and no setting bounds it')
  expect(section).toContain('each login opens one more and ends none')
})

test('docs/configuration.md explains every metric of password hashes, and no other', async () => {
  const { request } = await testHouse()
  const documented = tableRows(sectionOf(page, 'When more log in than can be hashed')).map(([name]) => name)

  const { text } = await request('/metrics')

  const served = [...text.matchAll(/^# TYPE (latchkey_password_hash\S+) /gm)].map(([, name]) => name)
  expect(documented.toSorted()).toEqual(served.toSorted())
})
