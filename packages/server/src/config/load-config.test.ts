import { expect, test } from 'vitest'
import { readRanges } from '../http/client-address.ts'
import { ConfigError, loadConfig } from './load-config.ts'
import { type SettingName, settings } from './settings.ts'

const perMinute = { attempts: 5, windowSeconds: 60 }

test.each([
  ['HOST', '127.0.0.1'],
  ['PORT', 8000],
  ['PUBLIC_URL', 'http://localhost:8000'],
  ['DATABASE_URL', 'sqlite:data/latchkey.db'],
  ['JWT_SECRET', undefined],
  ['JWT_AUDIENCE', undefined],
  ['ACCESS_TOKEN_TTL', 24 * 3_600],
  ['REFRESH_TOKEN_TTL', 30 * 86_400],
  ['BCRYPT_COST', 12],
  ['PASSWORD_POLICY', 'mission'],
  ['PASSWORD_BLOCKLIST', 'common'],
  ['REFRESH_REUSE_GRACE', 10],
  ['RATE_LIMIT_LOGIN', perMinute],
  ['RATE_LIMIT_SIGNUP', perMinute],
  ['RATE_LIMIT_ACCOUNT', { attempts: 10, windowSeconds: 3_600 }],
  ['RATE_LIMIT_GLOBAL', 'off'],
  ['RATE_LIMIT_INTROSPECT', { attempts: 6_000, windowSeconds: 60 }],
  ['TRUSTED_PROXIES', []],
  ['REVOCATION_STREAM', 'public'],
  ['CORS_ORIGINS', []],
  ['MASTER_KEY', undefined],
  ['METRICS', 'auto'],
  ['DOCS', 'on'],
  ['LOG_LEVEL', 'info'],
] as const)('loadConfig() reads %s as the contract says where it is unset', (name, expected) => {
  const config = loadConfig({})

  expect(config[name]).toEqual(expected)
})

test('loadConfig() ends a session after 30 days where nothing else is said [NIST63B4-2.1.3]', () => {
  const config = loadConfig({})

  expect(config.SESSION_TTL).toBe(30 * 86_400)
})

test('loadConfig() takes an empty value as unset', () => {
  const empty = Object.fromEntries(Object.keys(settings).map((name) => [name, '']))

  const config = loadConfig(empty)

  expect(config).toEqual(loadConfig({}))
})

test('loadConfig() ignores variables that are no settings', () => {
  const config = loadConfig({ PATH: '/bin', BCRYPT_ROUNDS: '1', constructor: 'x', ['__proto__']: 'y' })

  expect(config).toEqual(loadConfig({}))
})

test('loadConfig() answers what nobody can change', () => {
  const config = loadConfig({})

  const changing = () => Object.assign(config, { PORT: 1 })

  expect(changing).toThrow(TypeError)
})

test('loadConfig() derives the public address from the port', () => {
  const config = loadConfig({ PORT: '9000' })

  expect(config.PUBLIC_URL).toBe('http://localhost:9000')
})

test.each([
  ['HOST', '0.0.0.0', '0.0.0.0'],
  ['HOST', '::1', '::1'],
  ['HOST', 'localhost', 'localhost'],
  ['PORT', '0', 0],
  ['PORT', '65535', 65_535],
  ['PUBLIC_URL', 'https://auth.example.com', 'https://auth.example.com'],
  ['PUBLIC_URL', 'https://example.com:8443/auth', 'https://example.com:8443/auth'],
  ['PUBLIC_URL', 'http://[::1]:8000', 'http://[::1]:8000'],
  ['DATABASE_URL', 'sqlite::memory:', 'sqlite::memory:'],
  ['DATABASE_URL', 'sqlite:/var/lib/latchkey.db', 'sqlite:/var/lib/latchkey.db'],
  ['JWT_SECRET', 'x'.repeat(32), 'x'.repeat(32)],
  ['JWT_SECRET', '\u00fc'.repeat(16), '\u00fc'.repeat(16)],
  ['JWT_ALGORITHM', 'EdDSA', 'EdDSA'],
  ['JWT_ALGORITHM', 'RS256', 'RS256'],
  ['JWT_AUDIENCE', 'https://api.example.com', 'https://api.example.com'],
  ['ACCESS_TOKEN_TTL', '15m', 900],
  ['REFRESH_REUSE_GRACE', '0', 0],
  ['BCRYPT_COST', '10', 10],
  ['BCRYPT_COST', '15', 15],
  ['PASSWORD_POLICY', 'nist', 'nist'],
  ['PASSWORD_BLOCKLIST', 'off', 'off'],
  ['PASSWORD_BLOCKLIST', '/etc/words.txt', '/etc/words.txt'],
  ['PASSWORD_CONTEXT_WORDS', 'Acme, Roadrunner', ['acme', 'roadrunner']],
  ['RATE_LIMIT_LOGIN', 'off', 'off'],
  ['RATE_LIMIT_GLOBAL', '1000/hour', { attempts: 1_000, windowSeconds: 3_600 }],
  ['TRUSTED_PROXIES', '10.0.0.1', ['10.0.0.1/32']],
  ['TRUSTED_PROXIES', '2001:db8::1', ['2001:db8::1/128']],
  ['TRUSTED_PROXIES', 'fe80::1%eth0', ['fe80::1%eth0/128']],
  ['TRUSTED_PROXIES', ' 10.0.0.0/8 ,, ::ffff:10.0.0.0/104, ::/0,', ['10.0.0.0/8', '::ffff:10.0.0.0/104', '::/0']],
  [
    'CORS_ORIGINS',
    'https://app.example.com, http://localhost:3000',
    ['https://app.example.com', 'http://localhost:3000'],
  ],
  ['MASTER_KEY', Buffer.alloc(32, 7).toString('base64'), Buffer.alloc(32, 7)],
  ['MASTER_KEY', Buffer.alloc(32, 255).toString('base64url'), Buffer.alloc(32, 255)],
  ['METRICS', 'port:9464', { port: 9464 }],
  ['METRICS', 'public', 'public'],
  ['METRICS', 'off', 'off'],
  ['DOCS', 'off', 'off'],
  ['LOG_LEVEL', 'silent', 'silent'],
] as const)('loadConfig() takes %s=%s', (name, text, expected) => {
  const config = loadConfig({ [name]: text })

  expect(config[name]).toEqual(expected)
})

test.each([
  ['HOST', 'not a host'],
  ['HOST', 'http://localhost'],
  ['PORT', 'eighty'],
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '80.5'],
  ['PORT', '1e3'],
  ['PORT', '0x50'],
  ['PORT', '08000'],
  ['PORT', ' 8000'],
  ['PORT', 'NaN'],
  ['PORT', 'Infinity'],
  ['PORT', '9007199254740993'],
  ['PUBLIC_URL', 'auth.example.com'],
  ['PUBLIC_URL', 'ftp://example.com'],
  ['PUBLIC_URL', 'javascript:alert(1)'],
  ['PUBLIC_URL', 'https://example.com/'],
  ['PUBLIC_URL', 'https://example.com/auth/'],
  ['PUBLIC_URL', 'https://example.com?a=b'],
  ['PUBLIC_URL', 'https://example.com?'],
  ['PUBLIC_URL', 'https://example.com#a'],
  ['PUBLIC_URL', 'https://example.com#'],
  ['PUBLIC_URL', ' https://example.com'],
  ['PUBLIC_URL', 'https:example.com'],
  ['PUBLIC_URL', 'https://exam\tple.com'],
  ['PUBLIC_URL', 'https://'],
  ['DATABASE_URL', 'data/latchkey.db'],
  ['DATABASE_URL', 'sqlite:'],
  ['DATABASE_URL', 'mysql://localhost/db'],
  ['JWT_ALGORITHM', 'none'],
  ['JWT_ALGORITHM', 'HS256'],
  ['JWT_ALGORITHM', 'es256'],
  ['ACCESS_TOKEN_TTL', '0'],
  ['ACCESS_TOKEN_TTL', '24'],
  ['ACCESS_TOKEN_TTL', '-1h'],
  ['REFRESH_TOKEN_TTL', 'forever'],
  ['SESSION_TTL', '11y'],
  ['REFRESH_REUSE_GRACE', 'off'],
  ['BCRYPT_COST', '9'],
  ['BCRYPT_COST', '4'],
  ['BCRYPT_COST', '16'],
  ['BCRYPT_COST', '12.5'],
  ['PASSWORD_POLICY', 'none'],
  ['PASSWORD_POLICY', '6'],
  ['RATE_LIMIT_LOGIN', '0/minute'],
  ['RATE_LIMIT_SIGNUP', '5/minutes'],
  ['RATE_LIMIT_ACCOUNT', '5'],
  ['RATE_LIMIT_GLOBAL', 'on'],
  ['TRUSTED_PROXIES', 'all'],
  ['TRUSTED_PROXIES', '10.0.0.0/33'],
  ['TRUSTED_PROXIES', '10.0.0.0/'],
  ['TRUSTED_PROXIES', '10.0.0.0/8/8'],
  ['TRUSTED_PROXIES', '10.0.0.0/-1'],
  ['TRUSTED_PROXIES', '10.0.0/8'],
  ['TRUSTED_PROXIES', '::/129'],
  ['TRUSTED_PROXIES', 'proxy.example.com'],
  ['TRUSTED_PROXIES', '10.0.0.1, *'],
  ['CORS_ORIGINS', '*'],
  ['CORS_ORIGINS', 'null'],
  ['CORS_ORIGINS', 'app.example.com'],
  ['CORS_ORIGINS', 'https://app.example.com/'],
  ['CORS_ORIGINS', 'https://APP.example.com'],
  ['CORS_ORIGINS', 'https://app.example.com:443'],
  ['CORS_ORIGINS', 'https://*.example.com'],
  ['CORS_ORIGINS', 'file:///tmp'],
  ['METRICS', 'on'],
  ['METRICS', 'port:'],
  ['METRICS', 'port:65536'],
  ['METRICS', 'port:-1'],
  ['METRICS', 'port:8000'],
  ['DOCS', 'yes'],
  ['LOG_LEVEL', 'verbose'],
])('loadConfig() refuses %s=%s, and says what it got and what it takes [ASVS 1.4.2, RFC8414-2b]', (name, text) => {
  const loading = () => loadConfig({ [name]: text })

  expect(loading).toThrow(ConfigError)
  expect(problemsOf(loading)).toEqual([expect.stringContaining(`${name} must be `)])
  expect(problemsOf(loading)).toEqual([expect.stringContaining(`: it is ${JSON.stringify(text)}`)])
})

test.each([
  ['31 bytes', 'x'.repeat(31)],
  ['a word', 'your-256-bit-secret'],
  ['31 bytes in fewer characters', `${'\u00fc'.repeat(15)}x`],
])(
  'loadConfig() refuses a JWT_SECRET of %s without showing it [ASVS 11.2.3, ASVS 13.2.3, RFC8725-3.5]',
  (_what, secret) => {
    const loading = () => loadConfig({ JWT_SECRET: secret })

    expect(problemsOf(loading)).toEqual([
      'JWT_SECRET must be at least 32 bytes (latchkey secret prints a good one): it is not',
    ])
  },
)

test.each([
  ['31 bytes', Buffer.alloc(31, 7).toString('base64')],
  ['33 bytes', Buffer.alloc(33, 7).toString('base64')],
  ['hexadecimal', Buffer.alloc(32, 7).toString('hex')],
  ['no base64', `${'!'.repeat(43)}=`],
  ['a space in it', `${Buffer.alloc(32, 7).toString('base64').slice(0, 42)} =`],
])('loadConfig() refuses a MASTER_KEY of %s without showing it', (_what, key) => {
  const loading = () => loadConfig({ MASTER_KEY: key })

  expect(problemsOf(loading)).toEqual(['MASTER_KEY must be 32 random bytes in base64 (44 characters): it is not'])
})

test.each([
  ['DATABASE_URL', 'postgres-typo://latchkey:hunter2@db.example.com/latchkey'],
  ['DATABASE_URL', 'postgres:latchkey:hunter2@db.example.com/latchkey'],
  ['DATABASE_URL', 'postgres//latchkey:hunter2@db.example.com/latchkey'],
  ['DATABASE_URL', 'latchkey:hunter2@db.example.com/latchkey'],
  ['DATABASE_URL', 'postgres://latchkey:hunt%er2@db.example.com/latchkey'],
  ['DATABASE_URL', 'postgres://latchkey:hunt%ffer2@db.example.com/latchkey'],
  ['DATABASE_URL', 'postgres://latchkey:hunt#er2@db.example.com/latchkey'],
  ['DATABASE_URL', 'postgres://latchkey:hunt/er2@db.example.com/latchkey'],
  ['DATABASE_URL', 'host=db.example.com user=latchkey password=hunter2 dbname=latchkey'],
  ['DATABASE_URL', "password = 'hunt er2' host=db.example.com"],
  ['DATABASE_URL', 'db.example.com/latchkey?user=latchkey&password=hunter2'],
  ['DATABASE_URL', 'mysql://latchkey:hunt@er2@db.example.com/latchkey'],
  ['PUBLIC_URL', 'https://ada:hunter2@auth.example.com'],
  ['PUBLIC_URL', 'https://:hunter2@auth.example.com'],
])('loadConfig() refuses %s=%s without showing the password in it', (name, text) => {
  const loading = () => loadConfig({ [name]: text })

  const problems = problemsOf(loading).join()
  expect(problems).toContain(`${name} must be `)
  expect(problems).toContain('example.com')
  expect(problems).not.toMatch(/hunt|er2/)
})

test('loadConfig() reports everything that is wrong at once, in one line', () => {
  const loading = () => loadConfig({ PORT: 'eighty', DOCS: 'yes', JWT_SECRET: 'short' })

  expect(loading).toThrow(
    new ConfigError([
      'PORT must be a whole number from 0 to 65535: it is "eighty"',
      'JWT_SECRET must be at least 32 bytes (latchkey secret prints a good one): it is not',
      'DOCS must be on or off: it is "yes"',
    ]),
  )
})

test('ConfigError says in one line what cannot be', () => {
  const error = new ConfigError(['PORT must be 1: it is "a\\nb"', 'DOCS must be on or off: it is "yes"'])

  expect(error.message).toBe(
    'Cannot start with this configuration: PORT must be 1: it is "a\\nb"; DOCS must be on or off: it is "yes"',
  )
})

test('loadConfig() escapes line breaks in what it quotes', () => {
  const loading = () => loadConfig({ LOG_LEVEL: 'info\nfake log line' })

  expect(problemsOf(loading).join()).not.toContain('\n')
})

test('loadConfig() takes a BCRYPT_COST of 4 under test', () => {
  const config = loadConfig({ BCRYPT_COST: '4', NODE_ENV: 'test' })

  expect(config).toMatchObject({ BCRYPT_COST: 4 })
})

test.each([undefined, 'production', 'development', 'TEST', ''])(
  'loadConfig() takes no BCRYPT_COST under 10 with NODE_ENV=%s',
  (environment) => {
    const loading = () => loadConfig({ BCRYPT_COST: '9', NODE_ENV: environment })

    expect(problemsOf(loading)).toEqual(['BCRYPT_COST must be a whole number from 10 to 15: it is "9"'])
    expect(loadConfig({ NODE_ENV: environment })).toMatchObject({ BCRYPT_COST: 12 })
  },
)

test('every range that loadConfig() takes for TRUSTED_PROXIES can be read', () => {
  const config = loadConfig({
    TRUSTED_PROXIES: '10.0.0.1,10.0.0.0/8,0.0.0.0/0,::1,::/0,2001:db8::/32,::ffff:10.0.0.0/104,fe80::1%eth0',
  })

  const ranges = readRanges(config.TRUSTED_PROXIES)

  expect(ranges).toHaveLength(8)
})

test.each(Object.keys(settings) as SettingName[])('the setting %s says what it means', (name) => {
  const { meaning } = settings[name]

  expect(meaning).toMatch(/^\S.*[.)]$/)
})

function problemsOf(loading: () => unknown): readonly string[] {
  try {
    loading()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

test('loadConfig() takes no ACCESS_TOKEN_TTL that verifiers would refuse', () => {
  const loading = () => loadConfig({ ACCESS_TOKEN_TTL: '401d' })

  expect(problemsOf(loading)).toEqual([
    'ACCESS_TOKEN_TTL must be a duration such as 10s, 15m, 24h or 30d, at least 1s, at most 400d: it is "401d"',
  ])
})

test('loadConfig() takes no HASH_MAX_WAIT that proxies would not wait for', () => {
  const loading = () => loadConfig({ HASH_MAX_WAIT: '31s' })

  expect(problemsOf(loading)).toEqual([
    'HASH_MAX_WAIT must be a duration such as 10s, 15m, 24h or 30d, or 0, at most 30s: it is "31s"',
  ])
  expect(loadConfig({}).HASH_MAX_WAIT).toBe(2)
  expect(loadConfig({ HASH_MAX_WAIT: '0' }).HASH_MAX_WAIT).toBe(0)
})
