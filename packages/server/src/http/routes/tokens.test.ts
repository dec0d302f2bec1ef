import { expect, test } from 'vitest'
import { fileHouse } from '../../../test/database-file.ts'
import { apiHouse, basic, withApi } from '../../testing/api-house.ts'
import { onSqlite } from '../../testing/test-database.ts'
import { ada, callerOf, originAt, testHouse } from '../../testing/test-house.ts'

const introspection = '/api/auth/introspect'
const revocation = '/api/auth/revoke'
const both = [introspection, revocation]

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

test('POST /api/auth/introspect tells of an access token what is known, and nothing else [RFC7662-2.1a, RFC7662-2.2a]', async () => {
  const { introspect, tokens } = await apiHouse({ JWT_AUDIENCE: 'tasks' })

  const answer = await introspect(tokens.accessToken)

  const { iss, jti, sid, iat, exp } = claimsOf(tokens.accessToken)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.json()).toStrictEqual({
    active: true,
    sub: tokens.userId,
    user_id: tokens.userId,
    sid,
    username: ada.email,
    iss,
    aud: 'tasks',
    client_id: 'latchkey',
    jti,
    iat,
    exp,
    token_type: 'Bearer',
  })
})

test('POST /api/auth/introspect leaves out audience and client of a token that has none', async () => {
  const { introspect, tokens } = await apiHouse()

  const answer = await introspect(tokens.accessToken)

  expect(answer.json()).toMatchObject({ active: true })
  expect(Object.keys(answer.json())).not.toContain('aud')
  expect(Object.keys(answer.json())).not.toContain('client_id')
})

test('POST /api/auth/introspect tells a refresh token from an access token', async () => {
  const { introspect, tokens, clock } = await apiHouse()

  const answer = await introspect(tokens.refreshToken)

  const now = clock.now() / 1000
  expect(answer.json()).toStrictEqual({
    active: true,
    sub: tokens.userId,
    user_id: tokens.userId,
    sid: claimsOf(tokens.accessToken).sid,
    username: ada.email,
    iss: 'http://localhost:8000',
    iat: now,
    exp: now + 30 * 86_400,
    token_type: 'refresh_token',
  })
})

type House = Awaited<ReturnType<typeof apiHouse>>

const notGood: [what: string, token: (house: House) => string | Promise<string>][] = [
  ['malformed', () => 'no.token.at-all'],
  ['unknown', () => `lkr_${'A'.repeat(43)}`],
  ['forged', ({ tokens }) => `${tokens.accessToken.slice(0, -8)}AAAAAAAA`],
  [
    'foreign',
    async () => (await (await testHouse({ PUBLIC_URL: 'https://evil.example' })).auth.signUp(ada)).accessToken,
  ],
  [
    'expired',
    ({ tokens, clock }) => {
      clock.advance(86_400)
      return tokens.accessToken
    },
  ],
  [
    'revoked',
    async (house) => {
      await house.revoke(house.tokens.accessToken)
      return house.tokens.accessToken
    },
  ],
  [
    'of a logged-out session',
    async (house) => {
      const caller = await callerOf(house, house.tokens.accessToken)
      await house.auth.logOut({ caller, scope: 'local', origin: ada.origin })
      return house.tokens.refreshToken
    },
  ],
  [
    'of a disabled account',
    async ({ auth, tokens }) => {
      await auth.setUserActive({ emailOrId: ada.email, isActive: false, origin: originAt('local') })
      return tokens.accessToken
    },
  ],
  [
    'of use once, and used',
    async ({ auth, tokens }) => {
      await auth.refreshSession({ ...tokens, origin: ada.origin })
      return tokens.refreshToken
    },
  ],
]

test.each(notGood)(
  'POST /api/auth/introspect answers a token that is %s with one and the same [RFC7662-2.2b]',
  async (_, tokenOf) => {
    const house = await apiHouse()
    const token = await tokenOf(house)

    const answer = await house.introspect(token)

    expect(answer.status).toBe(200)
    expect(answer.text).toBe('{"active":false}')
  },
)

test.each(['access_token', 'refresh_token', 'id_token', 'nonsense', ''])(
  'the hint %j changes nothing of what is found [RFC7009-2.1a]',
  async (hint) => {
    const { send, credential, tokens } = await apiHouse()
    const ask = async (path: string, token: string) => send(path, { token, token_type_hint: hint }, { credential })

    const access = await ask(introspection, tokens.accessToken)
    const refresh = await ask(introspection, tokens.refreshToken)
    const revoked = await ask(revocation, tokens.refreshToken)
    const after = await ask(introspection, tokens.accessToken)

    expect([access.json().token_type, refresh.json().token_type]).toEqual(['Bearer', 'refresh_token'])
    expect(revoked.status).toBe(200)
    expect(after.json()).toEqual({ active: false })
  },
)

test('POST /api/auth/revoke answers with nothing, and the token is refused from then on', async () => {
  const { revoke, request, tokens } = await apiHouse()

  const answer = await revoke(tokens.accessToken)

  expect(answer.status).toBe(200)
  expect(answer.text).toBe('')
  expect(answer.headers.get('content-length')).toBe('0')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const profile = await request('/api/auth/me', { token: tokens.accessToken })
  expect(profile.json().error.code).toBe('AUTH_REVOKED')
})

test.each(notGood)(
  'POST /api/auth/revoke answers a token that is %s like one that is good [RFC7009-2.2]',
  async (_, tokenOf) => {
    const house = await apiHouse()
    const token = await tokenOf(house)
    const { revoke, tokens } = await apiHouse()
    const good = await revoke(tokens.accessToken)

    const answer = await house.revoke(token)

    const shape = ({ status, headers, text }: typeof answer) => {
      const names = [...headers].filter(([name]) => name !== 'x-request-id')
      return { status, text, names }
    }
    expect(shape(answer)).toEqual({ ...shape(good), status: 200, text: '' })
  },
)

/** By RFC 6750, section 3, an error is named to who came with a Bearer credential, and to nobody else. */
const basicChallenge = 'Basic realm="latchkey", charset="UTF-8"'
const challengeOf = ({ authorization = '' }: Record<string, string>) =>
  /^bearer /i.test(authorization)
    ? `${basicChallenge}, Bearer realm="latchkey", error="invalid_token", error_description="The token is not valid"`
    : `${basicChallenge}, Bearer realm="latchkey"`

const wrongHeaders: [what: string, headers: (credential: string) => Record<string, string>][] = [
  ['no header', () => ({})],
  ['an unknown credential', () => ({ authorization: `Bearer lka_${'A'.repeat(43)}` })],
  ['an unknown password', () => basic('tasks', `lka_${'A'.repeat(43)}`)],
  ['the name of nobody', (credential) => basic('nobody', credential)],
  ['no name', (credential) => basic('', credential)],
  ['no password', () => basic('tasks', '')],
  ['name and credential exchanged', (credential) => basic(credential, 'tasks')],
  ['Basic without a colon', (credential) => ({ authorization: `Basic ${Buffer.from(credential).toString('base64')}` })],
  ['Basic that is no UTF-8', () => ({ authorization: `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}` })],
  ['Basic with an escape that is none', (credential) => basic('%zz', credential)],
  ['Basic that is empty', () => ({ authorization: 'Basic' })],
  ['another scheme', (credential) => ({ authorization: `Digest ${credential}` })],
  ['the credential alone', (credential) => ({ authorization: credential })],
  ['two spaces', (credential) => ({ authorization: `Bearer  ${credential}` })],
  ['something after the credential', (credential) => ({ authorization: `Bearer ${credential} x` })],
  ['two in one header', (credential) => ({ authorization: `Bearer ${credential}, Bearer ${credential}` })],
  ['the credential in a cookie', (credential) => ({ cookie: `auth-token=${credential}` })],
]

test.each(wrongHeaders)(
  'introspection and revocation with %s are refused alike, and nothing is done [RFC7662-2.1b, RFC7662-2.3, RFC6750-3.1a, RFC6750-3.1c]',
  async (_, headersOf) => {
    const { send, verifier, credential, tokens } = await apiHouse()
    const headers = headersOf(credential)

    const answers = [
      await send(introspection, { token: tokens.accessToken }, { headers }),
      await send(revocation, { token: tokens.accessToken }, { headers }),
    ]

    for (const answer of answers) {
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBe(challengeOf(headers))
      expect(answer.json().error).toStrictEqual({
        code: 'AUTH_API_INVALID',
        message: 'Invalid API credential',
        details: null,
      })
    }
    await expect(verifier.verify(tokens.accessToken)).resolves.toBeDefined()
  },
)

test("a user's own token opens neither introspection nor revocation, in the header or in the cookie [RFC7662-2.1b]", async () => {
  const { send, tokens } = await apiHouse()
  const { accessToken: token } = tokens

  const answers = [
    await send(introspection, { token }, { credential: token }),
    await send(introspection, { token }, { headers: { cookie: `auth-token=${token}` } }),
    await send(revocation, { token }, { credential: token }),
    await send(revocation, { token: tokens.refreshToken }, { credential: tokens.refreshToken }),
    await send(revocation, { token, client_id: 'tasks', client_secret: token }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401])
})

test('a credential in the form or in the query opens nothing, and reaches no log', async () => {
  const { send, credential, tokens, lines } = await apiHouse()
  const { accessToken: token } = tokens

  const answers = [
    await send(introspection, { token, client_id: 'tasks', client_secret: credential }),
    await send(`${introspection}?access_token=${credential}`, { token }),
    await send(`${introspection}?token=${token}`, {}, { credential }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 400])
  expect(JSON.stringify(lines)).not.toContain(credential)
  expect(JSON.stringify(lines)).not.toContain(token)
})

test.each([
  ['Basic', (name: string, credential: string) => basic(name, credential)],
  ['basic in another case', (name, credential) => ({ authorization: `bAsIc ${btoa(`${name}:${credential}`)}` })],
  ['Basic with both escaped', (name, credential) => basic(escaped(name), escaped(credential))],
  ['Bearer', (_, credential) => ({ authorization: `Bearer ${credential}` })],
  ['bearer in another case', (_, credential) => ({ authorization: `bearer ${credential}` })],
])('an API is let in by %s', async (_, headersOf) => {
  const { auth, send, tokens } = await apiHouse()
  const name = 'notes-api.v2_eu'
  const { credential } = await auth.addApi({ name, origin: originAt('local') })

  const answer = await send(introspection, { token: tokens.accessToken }, { headers: headersOf(name, credential) })

  expect(answer.json().active).toBe(true)
})

/** As some clients escape by RFC 6749, section 2.3.1: whatever is no letter or digit. */
function escaped(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)
}

test('a wrong credential is refused before the form is looked at', async () => {
  const { send } = await apiHouse()

  const answers = [
    await send(introspection, 'token=%zz'),
    await send(revocation, 'x'.repeat(20_000)),
    await send(revocation, '{}', { headers: { 'content-type': 'application/json' } }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401])
})

test.each(both)('GET %s is refused, with the token in the query too [RFC7662-2.1a]', async (path) => {
  const { request, credential, tokens } = await apiHouse()

  const answer = await request(`${path}?token=${tokens.accessToken}`, { token: credential })

  expect(answer.status).toBe(405)
  expect(answer.headers.get('allow')).toBe('POST')
})

test.each(both)('%s is limited for each credential, and says when to come back [RFC7662-4b]', async (path) => {
  const { send, credential } = await apiHouse({ RATE_LIMIT_INTROSPECT: '3/minute' })
  const guess = (at: number) => send(path, { token: `lkr_${String(at).padStart(43, 'A')}` }, { credential })
  const statuses = [await guess(1), await guess(2), await guess(3)].map(({ status }) => status)

  const fourth = await guess(4)

  expect(statuses).toEqual([200, 200, 200])
  expect(fourth.status).toBe(429)
  expect(Number(fourth.headers.get('retry-after'))).toBeGreaterThan(50)
  expect(fourth.headers.get('ratelimit-policy')).toBe('"introspect";q=3;w=60')
})

onSqlite('6,000 questions a minute are a credential by default, and no more', async () => {
  const { send, credential } = await apiHouse()
  for (let count = 0; count < 6000; count++) await send(introspection, 'token=x', { credential })

  const oneMore = await send(introspection, 'token=x', { credential })

  expect(oneMore.status).toBe(429)
})

test.each(both)('%s answers 503 with Retry-After while the database does not answer [RFC7009-2.2.1]', async (path) => {
  const house = await withApi(await fileHouse())
  const gone = ['sessions', 'refresh_tokens', 'api_credentials', 'kysely_migration']
  for (const table of gone) house.database.run(`alter table ${table} rename to ${table}_gone`)

  const during = await house.send(path, { token: house.tokens.refreshToken }, { credential: house.credential })
  for (const table of gone) house.database.run(`alter table ${table}_gone rename to ${table}`)
  const after = await house.send(path, { token: house.tokens.refreshToken }, { credential: house.credential })

  expect(during.status).toBe(503)
  expect(during.headers.get('retry-after')).toBe('1')
  expect(during.json().error.code).toBe('UNAVAILABLE')
  expect(after.status).toBe(200)
})

test('a hint of a type that does not exist is no unsupported_token_type: the token is revoked [RFC7009-2.2.1]', async () => {
  const { send, introspect, credential, tokens } = await apiHouse()

  const form = { token: tokens.accessToken, token_type_hint: 'pct' }
  const answer = await send(revocation, form, { credential })

  expect(answer.status).toBe(200)
  expect((await introspect(tokens.accessToken)).json()).toEqual({ active: false })
})

test.each([
  ['unknown', () => `lkr_${'A'.repeat(43)}`],
  ['of a session that is over', ({ tokens }: House) => tokens.refreshToken],
])(
  'guessing a refresh token that is %s is limited, answered as if it were good, and writes nothing [RFC7009-5]',
  async (_, tokenOf) => {
    const house = await withApi(await fileHouse({ RATE_LIMIT_INTROSPECT: '6/minute' }))
    await house.revoke(house.tokens.accessToken)
    const before = house.database.version()
    const guesses = Array.from({ length: 5 }, () => house.revoke(tokenOf(house)))

    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    const limited = await house.revoke(tokenOf(house))

    expect(statuses).toEqual([200, 200, 200, 200, 200])
    expect(limited.status).toBe(429)
    expect(house.database.version()).toBe(before)
  },
)

test('an API credential opens no session, and none of the doors of users [ASVS 7.2.2]', async () => {
  const { request, send, credential, tokens } = await apiHouse({ JWT_SECRET: 'a shared secret of more than 32 bytes' })
  const doors = ['/api/auth/me', '/api/auth/events']
  const secrets = [credential, 'a shared secret of more than 32 bytes', btoa(`tasks:${credential}`)]

  const answers = await Promise.all(
    secrets.flatMap((secret) => [
      ...doors.map((path) => request(path, { token: secret.replaceAll(' ', '') })),
      ...doors.map((path) => request(path, { headers: { cookie: `auth-token=${encodeURIComponent(secret)}` } })),
      ...doors.map((path) => request(path, { headers: basic('tasks', secret) })),
      request('/api/auth/refresh', { body: { refresh_token: secret } }),
      request('/api/auth/logout', { method: 'POST', token: secret.replaceAll(' ', '') }),
      request('/api/auth/login', { body: { email: ada.email, password: secret } }),
    ]),
  )
  const told = await send(introspection, { token: tokens.refreshToken }, { credential })

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
  expect(answers.filter(({ headers }) => headers.has('set-cookie'))).toEqual([])
  expect(told.text).not.toMatch(/lkr_|eyJ/)
})

test('each login gives a session and tokens of its own, and so does each signup [ASVS 7.2.2]', async () => {
  const { auth, tokens } = await apiHouse()

  const pairs = [tokens, await auth.logIn(ada), await auth.logIn(ada)]

  expect(new Set(pairs.map(({ accessToken }) => claimsOf(accessToken).sid)).size).toBe(3)
  expect(new Set(pairs.map(({ refreshToken }) => refreshToken)).size).toBe(3)
})
