import { expect, test } from 'vitest'
import { ada, originAt, testHouse } from '../testing/test-house.ts'

const credentials = { email: ada.email, password: ada.password }
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

type House = Awaited<ReturnType<typeof houseWithAda>>

async function houseWithAda(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  const tokens = (await house.request('/api/auth/signup', { body: credentials })).json()
  return { ...house, tokens }
}

const headerOf = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url')
const invalidToken = 'Bearer realm="latchkey", error="invalid_token", error_description='

type Row = [
  name: string,
  status: number,
  code: string,
  message: string,
  challenge: string | null,
  act: (house: House) => ReturnType<House['request']>,
]

const rows: Row[] = [
  [
    'no token',
    401,
    'AUTH_MISSING',
    'Authentication required',
    'Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/me'),
  ],
  [
    'another scheme',
    401,
    'AUTH_MISSING',
    'Authentication required',
    'Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/me', { headers: { authorization: 'Basic YTpi' } }),
  ],
  [
    'a token that is none',
    401,
    'AUTH_INVALID',
    'Invalid or expired token',
    `${invalidToken}"The token is not valid"`,
    ({ request }) => request('/api/auth/me', { token: 'no.token.at-all' }),
  ],
  [
    'two tokens in one header',
    401,
    'AUTH_INVALID',
    'Invalid or expired token',
    `${invalidToken}"The token is not valid"`,
    ({ request, tokens }) => request('/api/auth/me', { token: `${tokens.token} ${tokens.token}` }),
  ],
  [
    'a bad signature',
    401,
    'AUTH_INVALID',
    'Invalid or expired token',
    `${invalidToken}"The token is not valid"`,
    ({ request, tokens }) => request('/api/auth/me', { token: `${tokens.token.slice(0, -8)}AAAAAAAA` }),
  ],
  [
    'a token without a signature',
    401,
    'AUTH_INVALID',
    'Invalid or expired token',
    `${invalidToken}"The token is not valid"`,
    ({ request, tokens }) =>
      request('/api/auth/me', { token: `${headerOf({ alg: 'none', typ: 'at+jwt' })}.${tokens.token.split('.')[1]}.` }),
  ],
  [
    'an expired token',
    401,
    'AUTH_EXPIRED',
    'Invalid or expired token',
    `${invalidToken}"The token has expired"`,
    ({ request, tokens, clock }) => {
      clock.advance(86_400 + 120)
      return request('/api/auth/me', { token: tokens.token })
    },
  ],
  [
    'a revoked token',
    401,
    'AUTH_REVOKED',
    'Invalid or expired token',
    `${invalidToken}"The token was revoked"`,
    async ({ request, tokens }) => {
      await request('/api/auth/logout', { method: 'POST', token: tokens.token })
      return request('/api/auth/me', { token: tokens.token })
    },
  ],
  [
    'a wrong password',
    401,
    'AUTH_FAILED',
    'Invalid credentials',
    'Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/login', { body: { ...credentials, password: 'WrongPass123' } }),
  ],
  [
    'an unknown email',
    401,
    'AUTH_FAILED',
    'Invalid credentials',
    'Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/login', { body: { ...credentials, email: 'nobody@example.com' } }),
  ],
  [
    'an unknown refresh token',
    401,
    'AUTH_REFRESH_INVALID',
    'Invalid refresh token',
    'Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/refresh', { body: { refresh_token: `lkr_${'A'.repeat(43)}` } }),
  ],
  [
    'no refresh token',
    401,
    'AUTH_REFRESH_INVALID',
    'Invalid refresh token',
    'Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/refresh', { method: 'POST' }),
  ],
  [
    'an API without a credential',
    401,
    'AUTH_API_INVALID',
    'Invalid API credential',
    'Basic realm="latchkey", charset="UTF-8", Bearer realm="latchkey"',
    ({ request }) => request('/api/auth/introspect', { method: 'POST' }),
  ],
  [
    'a taken email',
    409,
    'CONFLICT_EMAIL',
    'Email already registered',
    null,
    ({ request }) => request('/api/auth/signup', { body: { ...credentials, email: 'ADA@example.com' } }),
  ],
  [
    'a weak password',
    400,
    'VALIDATION_PASSWORD',
    'Password does not meet requirements',
    null,
    ({ request }) => request('/api/auth/signup', { body: { email: 'eve@example.com', password: 'short' } }),
  ],
  [
    'a malformed email',
    400,
    'VALIDATION_ERROR',
    'Invalid input',
    null,
    ({ request }) => request('/api/auth/signup', { body: { ...credentials, email: 'no address' } }),
  ],
  [
    'malformed JSON',
    400,
    'VALIDATION_ERROR',
    'Invalid input',
    null,
    ({ request }) => request('/api/auth/login', { body: '{"email":' }),
  ],
  [
    'a token in header and query',
    400,
    'VALIDATION_ERROR',
    'Invalid input',
    'Bearer realm="latchkey", error="invalid_request", error_description="The request carries credentials twice"',
    ({ request, tokens }) => request(`/api/auth/me?access_token=${tokens.token}`, { token: tokens.token }),
  ],
  ['an unknown path', 404, 'NOT_FOUND', 'Not found', null, ({ request }) => request('/api/auth/nothing')],
  [
    'an unknown method',
    405,
    'METHOD_NOT_ALLOWED',
    'Method not allowed',
    null,
    ({ request }) => request('/api/auth/login', { method: 'DELETE' }),
  ],
  [
    'too large a body',
    413,
    'PAYLOAD_TOO_LARGE',
    'Request body too large',
    null,
    ({ request }) => request('/api/auth/login', { body: { ...credentials, more: 'x'.repeat(16 * 1024) } }),
  ],
  [
    'another content type',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    'Content type not supported',
    null,
    ({ request }) =>
      request('/api/auth/login', { body: 'email=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  ],
]

test.each(rows)(
  '%s is answered with %i %s in the one error shape [ASVS 16.5.1, ASVS 4.1.1]',
  async (_, status, code, message, challenge, act) => {
    const house = await houseWithAda()

    const answer = await act(house)

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('www-authenticate')).toBe(challenge)
    const body = answer.json()
    expect(Object.keys(body)).toEqual(['error', 'meta'])
    expect(Object.keys(body.error)).toEqual(['code', 'message', 'details'])
    expect(body.error).toMatchObject({ code, message })
    expect(body.error.details === null || Array.isArray(body.error.details)).toBe(true)
    expect(body.meta).toStrictEqual({
      timestamp: new Date(house.clock.now()).toISOString(),
      request_id: answer.headers.get('x-request-id'),
    })
    expect(body.meta.request_id).toMatch(uuid)
  },
)

test.each([
  ['no token', '/api/auth/me', {}, 'Bearer realm="latchkey"'],
  ['another scheme', '/api/auth/me', { authorization: 'Basic YTpi' }, 'Bearer realm="latchkey"'],
  ['a token in the query alone', '/api/auth/me?access_token=abc', {}, 'Bearer realm="latchkey"'],
])(
  'a request with %s is challenged without an error [RFC6750-3.1a, RFC6750-3a, RFC6750-2.3]',
  async (_, path, headers, challenge) => {
    const { request } = await testHouse()

    const answer = await request(path, { headers })

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(challenge)
    expect(answer.headers.get('cache-control')).toBe('no-store')
  },
)

test.each(['Bearer', 'bearer', 'BEARER'])(
  'the token is taken from the Authorization header by the scheme %s [RFC6750-2.1]',
  async (scheme) => {
    const { request, tokens } = await houseWithAda()

    const answer = await request('/api/auth/me', { headers: { authorization: `${scheme} ${tokens.token}` } })

    expect(answer.status).toBe(200)
  },
)

test.each(['Bearer  TOKEN', 'Bearer TOKEN TOKEN', 'Bearer TOKEN,TOKEN', 'Bearer "TOKEN"', 'Bearer\tTOKEN'])(
  'the credentials %j are malformed [RFC6750-2.1, RFC6750-3.1c]',
  async (form) => {
    const { request, tokens } = await houseWithAda()

    const answer = await request('/api/auth/me', { headers: { authorization: form.replaceAll('TOKEN', tokens.token) } })

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"')
  },
)

test('a token in a form body opens nothing [RFC6750-2.2]', async () => {
  const { request, tokens } = await houseWithAda()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }

  const answer = await request('/api/auth/logout', { body: `access_token=${tokens.token}`, headers })

  expect(answer.json().error.code).toBe('AUTH_MISSING')
})

test('a password or a token in the query opens nothing, and reaches no log [ASVS 14.2.1, RFC9700-4.3.2]', async () => {
  const { request, tokens, lines } = await houseWithAda()

  const profile = await request(`/api/auth/me?access_token=${tokens.token}&token=${tokens.token}`)
  const login = await request(`/api/auth/login?email=${ada.email}&password=${ada.password}`, { body: {} })
  const refresh = await request(`/api/auth/refresh?refresh_token=${tokens.refresh_token}`, { method: 'POST' })

  expect([profile.status, login.status, refresh.status]).toEqual([401, 400, 401])
  const logged = JSON.stringify(lines)
  for (const secret of [tokens.token, tokens.refresh_token, ada.password]) expect(logged).not.toContain(secret)
})

test('a wrong password, an unknown email and a disabled account get equal bytes, but for id and time', async () => {
  const { request, auth } = await houseWithAda()
  await request('/api/auth/signup', { body: { ...credentials, email: 'eve@example.com' } })
  await auth.setUserActive({ emailOrId: 'eve@example.com', isActive: false, origin: originAt('local') })
  const answers = [
    await request('/api/auth/login', { body: { ...credentials, password: 'WrongPass123' } }),
    await request('/api/auth/login', { body: { ...credentials, email: 'bob@example.com' } }),
    await request('/api/auth/login', { body: { ...credentials, email: 'eve@example.com' } }),
  ]

  const bytes = answers.map(({ status, headers, text, json }) => {
    const id = json().meta.request_id
    return JSON.stringify([status, [...headers].toSorted(), text]).replaceAll(id, 'ID')
  })

  expect(new Set(bytes).size).toBe(1)
  expect(answers.map(({ text }) => text.length)).toEqual(answers.map(() => answers[0]?.text.length))
})

test('each answer has an id of its own, also where the client sends one [ASVS 4.1.3]', async () => {
  const { request } = await testHouse()
  const headers = { 'x-request-id': '00000000-0000-4000-8000-000000000000' }

  const ids = [
    (await request('/healthz', { headers })).headers.get('x-request-id'),
    (await request('/healthz', { headers })).headers.get('x-request-id'),
  ]

  expect(new Set([...ids, headers['x-request-id']]).size).toBe(3)
  for (const id of ids) expect(id).toMatch(uuid)
})

test.each([
  ['too short', 'Abc12', ['Must have at least 8 characters']],
  ['7 characters long', 'Abcde12', ['Must have at least 8 characters']],
  ['without an upper-case letter', 'lowercase123', ['Must contain an upper-case letter']],
  ['without a lower-case letter', 'UPPERCASE123', ['Must contain a lower-case letter']],
  ['without a digit', 'NoDigitsHere', ['Must contain a digit']],
  [
    'without anything',
    ' ',
    [
      'Must have at least 8 characters',
      'Must contain an upper-case letter',
      'Must contain a lower-case letter',
      'Must contain a digit',
    ],
  ],
  ['common', 'Password123', ['Is on the list of common passwords: choose another']],
  ['made of the email', 'Adalovelace1', ['Must not contain your email address']],
  ['the name of the service', 'Latchkey1', ['Must not be the name of this service: choose another']],
  ['beyond 1,024 bytes', `Aa1${'x'.repeat(1022)}`, ['Must be well-formed text of at most 1024 bytes']],
])('a password that is %s is refused at signup, with each reason', async (_, password, issues) => {
  const { request } = await testHouse()

  const answer = await request('/api/auth/signup', { body: { email: 'adalovelace@example.com', password } })

  expect(answer.status).toBe(400)
  expect(answer.json().error.code).toBe('VALIDATION_PASSWORD')
  expect(answer.json().error.details).toEqual(issues.map((issue) => ({ field: 'password', issue })))
})

test.each([
  ['of lower-case letters', 'abcdefghijkxyzq'],
  ['of digits', '839201746352910'],
  ['of spaces', ' '.repeat(15)],
  ['of emoji', '\u{1F511}'.repeat(15)],
  ['with every printing ASCII character', Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')],
])(
  'PASSWORD_POLICY=nist takes a password %s [ASVS 6.2.5, NIST63B4-3.1.1.2-3, NIST63B4-3.1.1.2-4, NIST63B4-3.1.1.2-5]',
  async (_, password) => {
    const { request } = await testHouse({ PASSWORD_POLICY: 'nist' })

    const answer = await request('/api/auth/signup', { body: { email: ada.email, password } })

    expect(answer.status).toBe(201)
  },
)

test('PASSWORD_POLICY=nist refuses a password of 14 characters', async () => {
  const { request } = await testHouse({ PASSWORD_POLICY: 'nist' })

  const answer = await request('/api/auth/signup', { body: { email: ada.email, password: '\u{1F511}'.repeat(14) } })

  expect(answer.json().error.details).toEqual([{ field: 'password', issue: 'Must have at least 15 characters' }])
})

const hostile: [field: 'email' | 'password', name: string, value: unknown][] = [
  ...(['email', 'password'] as const).flatMap((field): [typeof field, string, unknown][] => [
    [field, 'an array', ['a@example.com']],
    [field, 'an object', { $ne: '' }],
    [field, 'a number', 1],
    [field, 'true', true],
    [field, 'null', null],
    [field, 'left out', undefined],
  ]),
]

test.each(hostile)('a field %s that is %s is refused and named [ASVS 2.2.1, ASVS 1.2.4]', async (field, _, value) => {
  const { request } = await testHouse()

  const answers = [
    await request('/api/auth/signup', { body: { ...credentials, [field]: value } }),
    await request('/api/auth/login', { body: { ...credentials, [field]: value } }),
  ]

  for (const answer of answers) {
    expect(answer.status).toBe(400)
    expect(answer.json().error.details).toEqual([{ field, issue: expect.any(String) }])
  }
})

test.each([
  ['an array', '[]'],
  ['a string', '"text"'],
  ['a number', '1'],
  ['null', 'null'],
  ['true', 'true'],
  ['nothing', ''],
])('a body that is %s is refused [ASVS 2.2.1]', async (_, body) => {
  const { request } = await testHouse()

  const answer = await request('/api/auth/login', { body })

  expect(answer.status).toBe(400)
  expect(answer.json().error.details).toEqual([{ field: 'body', issue: expect.any(String) }])
})

test.each([[['a']], [{}], [1], [true], [null]])('a refresh token that is %j is refused as input', async (value) => {
  const { request } = await testHouse()

  const answer = await request('/api/auth/refresh', { body: { refresh_token: value } })

  expect(answer.status).toBe(400)
})

test.each([
  ['quotes', `a'or'1'='1@example.com`],
  ['a comment', 'a@example.com; drop table users'],
  ['a wildcard', 'a%@example.com'],
  ['a quoted local part', '"a"@example.com'],
  ['two at signs', 'a@b@example.com'],
  ['a NUL', 'a\0b@example.com'],
  ['a line break', 'a\r\nBcc: b@example.com'],
  ['an escape', 'a\u001b[2J@example.com'],
  ['an invisible space', 'a@exam\u200bple.com'],
  ['a tag', '<script>@example.com'],
  ['256 characters', `${'a'.repeat(244)}@example.com`],
  ['four thousand labels', `a@${'b.'.repeat(4000)}com`],
])('an email with %s is refused, or kept as it is [ASVS 1.3.3, ASVS 1.2.4]', async (_, email) => {
  const { request, auth } = await testHouse()

  const answer = await request('/api/auth/signup', { body: { email, password: ada.password } })

  const made = await auth.listUsers({ afterEmail: undefined, limit: 10 })
  expect([201, 400]).toContain(answer.status)
  expect(made.map((user) => user.email)).toEqual(answer.status === 201 ? [email] : [])
})

test('a fault tells nothing but its id, and the log tells the rest [ASVS 16.5.1, ASVS 16.3.4]', async () => {
  const { auth, app, lines } = await testHouse()
  auth.readProfile = () => Promise.reject(new Error('SQLITE_CORRUPT in /var/lib/latchkey.db'))
  const { userId: _, accessToken } = await auth.signUp(ada)
  const headers = { authorization: `Bearer ${accessToken}` }

  const answer = await app.fetch(new Request('http://localhost:8000/api/auth/me', { headers }), {})

  const body = JSON.parse(await answer.text())
  expect(answer.status).toBe(500)
  expect(body.error).toStrictEqual({ code: 'INTERNAL_ERROR', message: 'Internal error', details: null })
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 'error',
      message: 'Request failed',
      fields: { request_id: body.meta.request_id, error: expect.any(Error) },
    }),
  )
})
