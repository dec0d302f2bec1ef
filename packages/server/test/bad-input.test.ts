import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { onSqlite } from '../src/testing/test-database.ts'
import { ada } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'
import { answersOf, type RawAnswer } from './raw-answers.ts'
import { bytesUntilClosed, dial, head, listen, post } from './raw-socket.ts'

const host = 'Host: localhost'
const close = 'Connection: close'
const json = 'Content-Type: application/json'
const signup = '/api/auth/signup'
const login = 'POST /api/auth/login HTTP/1.1'
const credentials = JSON.stringify({ email: ada.email, password: ada.password })
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const contents = `
  select 'users' as name, count(*) as rows from users union all
  select 'sessions', count(*) from sessions union all
  select 'refresh_tokens', count(*) from refresh_tokens union all
  select 'revocations', count(*) from revocations`

/** A real server without an account. */
async function servedHouse() {
  const house = await fileHouse()
  const before = house.database.rows(contents)
  const served = await listen(house.app.fetch)

  /** Holds after every bad input: one shape, nothing written, no fault, and the server goes on. */
  const expectUnharmed = async (answer: RawAnswer | undefined) => {
    const body = JSON.parse(answer?.body ?? '')
    expect(answer?.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer?.headers['x-content-type-options']).toBe('nosniff')
    expect(Object.keys(body)).toEqual(['error', 'meta'])
    expect(Object.keys(body.error)).toEqual(['code', 'message', 'details'])
    expect(body.meta.request_id).toBe(answer?.headers['x-request-id'])
    expect(body.meta.request_id).toMatch(uuid)

    expect(house.database.rows(contents)).toEqual(before)
    expect(house.lines.filter(({ level }) => level === 'error')).toEqual([])
    const [after] = await served.send(head('GET /healthz HTTP/1.1', host, close))
    expect(after?.status).toBe(200)
  }
  return { ...house, ...served, expectUnharmed }
}

async function servedHouseWithAda() {
  const house = await servedHouse()
  await house.auth.signUp(ada)
  return house
}

/** A signup with this member instead of the one of the same name. */
const signupWith = (members: object) =>
  post(signup, JSON.stringify({ email: 'eve@example.com', password: ada.password, ...members }))
const signupText = (text: string) => post(signup, text)
const withoutType = Buffer.from(post(signup, credentials)).toString().replace(`${json}\r\n`, '')
const typed = (type: string) => Buffer.from(post(signup, credentials)).toString().replace(json, `Content-Type: ${type}`)
const get = (target: string, ...lines: string[]) => head(`GET ${target} HTTP/1.1`, host, close, ...lines)
const deep = (depth: number) => `{"email":${'['.repeat(depth)}${']'.repeat(depth)},"password":"SecurePass123"}`

type Row = [name: string, bytes: (string | Uint8Array)[], status: number, code: string]

const bodies: Row[] = [
  [
    'duplicate keys',
    [signupText('{"email":"a@example.com","email":"b@example.com","password":"SecurePass123"}')],
    400,
    'VALIDATION_ERROR',
  ],
  [
    'keys that are duplicates once unescaped',
    [signupText('{"email":"a@example.com","\\u0065mail":"b@example.com","password":"SecurePass123"}')],
    400,
    'VALIDATION_ERROR',
  ],
  [
    'a key __proto__',
    [signupText('{"__proto__":{"isAdmin":true},"email":"eve@example.com","password":"SecurePass123"}')],
    400,
    'VALIDATION_ERROR',
  ],
  ['a NUL in the email', [signupWith({ email: 'eve\0@example.com' })], 400, 'VALIDATION_ERROR'],
  ['a NUL after the email', [signupWith({ email: 'eve@example.com\0' })], 400, 'VALIDATION_ERROR'],
  [
    'a line break in the email',
    [signupWith({ email: 'eve@example.com\r\nBcc: x@example.com' })],
    400,
    'VALIDATION_ERROR',
  ],
  ['an escape in the email', [signupWith({ email: '\u001b[31meve@example.com' })], 400, 'VALIDATION_ERROR'],
  ['an email of 320 characters', [signupWith({ email: `${'e'.repeat(308)}@example.com` })], 400, 'VALIDATION_ERROR'],
  [
    'bytes that are no UTF-8',
    [
      post(
        signup,
        Buffer.concat([
          Buffer.from('{"email":"eve@example.com","password":"SecurePass123'),
          Buffer.from([0xff, 0xfe]),
          Buffer.from('"}'),
        ]),
      ),
    ],
    400,
    'VALIDATION_ERROR',
  ],
  [
    'an overlong spelling in UTF-8',
    [
      post(
        signup,
        Buffer.concat([Buffer.from('{"email":"eve'), Buffer.from([0xc0, 0x80]), Buffer.from('@example.com"}')]),
      ),
    ],
    400,
    'VALIDATION_ERROR',
  ],
  ['a byte order mark', [signupText(`\ufeff${credentials}`)], 400, 'VALIDATION_ERROR'],
  [
    'a lone surrogate',
    [signupText('{"email":"eve@example.com","password":"SecurePass123\\ud800"}')],
    400,
    'VALIDATION_ERROR',
  ],
  ['nesting of 8,000 levels', [signupText(deep(8000))], 400, 'VALIDATION_ERROR'],
  [
    'nesting of 33 levels in an unknown member',
    [signupText(`{"x":${'['.repeat(33)}${']'.repeat(33)}}`)],
    400,
    'VALIDATION_ERROR',
  ],
  ['a number beyond any double', [signupText('{"email":1e999,"password":"SecurePass123"}')], 400, 'VALIDATION_ERROR'],
  [
    'a number beyond any double in an unknown member',
    [signupText('{"email":"eve@example.com","password":"SecurePass123","n":-1e999}')],
    400,
    'VALIDATION_ERROR',
  ],
  ['NaN', [signupText('{"email":NaN,"password":"SecurePass123"}')], 400, 'VALIDATION_ERROR'],
  [
    'a trailing comma',
    [signupText('{"email":"eve@example.com","password":"SecurePass123",}')],
    400,
    'VALIDATION_ERROR',
  ],
  ['two documents', [signupText(`${credentials}${credentials}`)], 400, 'VALIDATION_ERROR'],
  ['an operator for an email', [signupWith({ email: { $ne: '' } })], 400, 'VALIDATION_ERROR'],
  ['a list for a password', [signupWith({ password: [ada.password] })], 400, 'VALIDATION_ERROR'],
  ['a password of 1,025 bytes', [signupWith({ password: `Aa1${'x'.repeat(1022)}` })], 400, 'VALIDATION_PASSWORD'],
  ['a body of 16 KiB and one byte', [post(signup, ' '.repeat(16 * 1024 + 1))], 413, 'PAYLOAD_TOO_LARGE'],
  ['a body of a megabyte', [post(signup, ' '.repeat(1024 * 1024))], 413, 'PAYLOAD_TOO_LARGE'],
  [
    'chunks of 16 KiB and one byte',
    [head(login, host, close, json, 'Transfer-Encoding: chunked'), `4001\r\n${' '.repeat(16 * 1024 + 1)}\r\n0\r\n\r\n`],
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  [
    'a compressed body',
    [post(signup, gzipSync(credentials), ['Content-Encoding: gzip'])],
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'a body that calls itself uncompressed',
    [post(signup, credentials, ['Content-Encoding: identity'])],
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['no content type', [withoutType], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['the content type text/plain', [typed('text/plain')], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['the content type of a form', [typed('application/x-www-form-urlencoded')], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['the charset utf-16', [typed('application/json; charset=utf-16')], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['the charset utf-7', [typed('application/json; charset=utf-7')], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['a content type that only begins like JSON', [typed('application/jsonp')], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['two content types in one header', [typed('application/json, text/plain')], 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['two content types', [post(signup, credentials, ['Content-Type: text/plain'])], 400, 'VALIDATION_ERROR'],
  ['two content types alike', [post(signup, credentials, [json])], 400, 'VALIDATION_ERROR'],
]

test.each(bodies)(
  'a body with %s is refused, and the server goes on unharmed [ASVS 1.5.2, ASVS 1.5.3, ASVS 2.2.1, ASVS 3.5.2]',
  async (_, bytes, status, code) => {
    const { send, expectUnharmed } = await servedHouse()

    const [answer] = await send(...bytes)

    expect(answer?.status).toBe(status)
    expect(JSON.parse(answer?.body ?? '').error.code).toBe(code)
    await expectUnharmed(answer)
  },
)

const heads: Row[] = [
  [
    'two Authorization headers',
    [get('/api/auth/me', 'Authorization: Bearer a', 'Authorization: Bearer b')],
    400,
    'VALIDATION_ERROR',
  ],
  ['two Host headers', [head('GET /healthz HTTP/1.1', host, 'Host: evil.example', close)], 400, 'VALIDATION_ERROR'],
  ['no Host header', [head('GET /healthz HTTP/1.1', close)], 400, 'VALIDATION_ERROR'],
  ['an empty Host', [head('GET /healthz HTTP/1.1', 'Host:', close)], 400, 'VALIDATION_ERROR'],
  ['a Host with a path in it', [head('GET /healthz HTTP/1.1', 'Host: a/b', close)], 400, 'VALIDATION_ERROR'],
  ['a Host with a name in it', [head('GET /healthz HTTP/1.1', 'Host: user@localhost', close)], 400, 'VALIDATION_ERROR'],
  [
    'two Origin headers',
    [post('/api/auth/logout', '', ['Origin: http://localhost:8000', 'Origin: http://evil.example'])],
    400,
    'VALIDATION_ERROR',
  ],
  ['the method TRACE', [head('TRACE /healthz HTTP/1.1', host, close)], 405, 'METHOD_NOT_ALLOWED'],
  ['the method TRACK', [head('TRACK /healthz HTTP/1.1', host, close)], 400, 'VALIDATION_ERROR'],
  ['the method PROPFIND', [head('PROPFIND /healthz HTTP/1.1', host, close)], 405, 'METHOD_NOT_ALLOWED'],
  ['the method CONNECT', [head('CONNECT evil.example:443 HTTP/1.1', host, close)], 405, 'METHOD_NOT_ALLOWED'],
  ['a method in lower case', [head('get /healthz HTTP/1.1', host, close)], 400, 'VALIDATION_ERROR'],
  ['a target that is a URL', [head('GET http://evil.example/healthz HTTP/1.1', host, close)], 400, 'VALIDATION_ERROR'],
  ['a target that names another host', [get('//evil.example/healthz')], 400, 'VALIDATION_ERROR'],
  ['a target that is an asterisk', [head('OPTIONS * HTTP/1.1', host, close)], 400, 'VALIDATION_ERROR'],
  ['a NUL in the path', [get('/healthz%00')], 400, 'VALIDATION_ERROR'],
  ['dot segments in the path', [get('/x/../healthz')], 400, 'VALIDATION_ERROR'],
  ['encoded dot segments in the path', [get('/x/%2e%2e/healthz')], 400, 'VALIDATION_ERROR'],
  ['half-encoded dot segments in the path', [get('/x/.%2E/healthz')], 400, 'VALIDATION_ERROR'],
  ['a backslash in the path', [get('/\\evil.example')], 400, 'VALIDATION_ERROR'],
  ['a fragment in the target', [get('/healthz#x')], 400, 'VALIDATION_ERROR'],
  ['an encoded slash in the path', [get('/api%2fauth%2fme')], 404, 'NOT_FOUND'],
  ['a path that is encoded twice', [get('/%2568ealthz')], 404, 'NOT_FOUND'],
  ['an escape that is none in the path', [get('/%zz')], 404, 'NOT_FOUND'],
  ['a letter of the path that is encoded', [get('/%68ealthz')], 404, 'NOT_FOUND'],
  ['a semicolon in the path', [get('/healthz;v=1')], 404, 'NOT_FOUND'],
  ['a slash too many in the path', [get('/api//auth/me')], 404, 'NOT_FOUND'],
  ['a slash at the end of the path', [get('/healthz/')], 404, 'NOT_FOUND'],
  ['a path in upper case', [get('/HEALTHZ')], 404, 'NOT_FOUND'],
  ['a raw byte beyond ASCII in the path', [Buffer.from(get('/h\xe9'), 'latin1')], 400, 'VALIDATION_ERROR'],
  [
    'a token of 9,000 characters',
    [get('/api/auth/me', `Authorization: Bearer ${'x'.repeat(9000)}`)],
    401,
    'AUTH_INVALID',
  ],
  ['17 KB of headers', [get('/healthz', `X-Filler: ${'x'.repeat(17_000)}`)], 431, 'HEADERS_TOO_LARGE'],
  [
    '1,500 headers',
    [get('/healthz', ...Array.from({ length: 1500 }, (_, at) => `X${at}: 1`))],
    431,
    'HEADERS_TOO_LARGE',
  ],
  ['150 headers', [get('/healthz', ...Array.from({ length: 150 }, (_, at) => `X${at}: 1`))], 431, 'HEADERS_TOO_LARGE'],
  [
    'Content-Length and Transfer-Encoding',
    [head(login, host, json, 'Content-Length: 5', 'Transfer-Encoding: chunked'), '0\r\n\r\n'],
    400,
    'VALIDATION_ERROR',
  ],
  [
    'two Content-Lengths',
    [head(login, host, json, 'Content-Length: 5', 'Content-Length: 6'), 'hello'],
    400,
    'VALIDATION_ERROR',
  ],
  ['a signed Content-Length', [head(login, host, json, 'Content-Length: +5'), 'hello'], 400, 'VALIDATION_ERROR'],
  [
    'a transfer encoding other than chunked',
    [head(login, host, json, 'Transfer-Encoding: gzip'), '0\r\n\r\n'],
    400,
    'VALIDATION_ERROR',
  ],
  [
    'a bad chunk',
    [head(login, host, json, 'Transfer-Encoding: chunked'), 'zz\r\nhello\r\n0\r\n\r\n'],
    400,
    'VALIDATION_ERROR',
  ],
  [
    'a chunk extension of 20 KB',
    [head(login, host, json, 'Transfer-Encoding: chunked'), `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ['a folded header', [get('/healthz', 'X-A: b', ' c')], 400, 'VALIDATION_ERROR'],
  ['a space before the colon', [get('/healthz', 'X-A : b')], 400, 'VALIDATION_ERROR'],
  ['line feeds alone', [`GET /healthz HTTP/1.1\n${host}\n${close}\n\n`], 400, 'VALIDATION_ERROR'],
  ['a NUL in a header', [get('/healthz', 'X-A: a\0b')], 400, 'VALIDATION_ERROR'],
  ['an escape in the user agent', [get('/healthz', 'User-Agent: a\u001b[2Jb')], 400, 'VALIDATION_ERROR'],
  [
    'an expectation that nobody knows',
    [head(login, host, close, json, 'Content-Length: 2', 'Expect: nonsense'), '{}'],
    417,
    'EXPECTATION_FAILED',
  ],
  ['HTTP/0.9', ['GET /healthz\r\n\r\n'], 400, 'VALIDATION_ERROR'],
  ['HTTP/2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], 400, 'VALIDATION_ERROR'],
  [
    'a TLS greeting',
    [Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00])],
    400,
    'VALIDATION_ERROR',
  ],
  ['noise', [Buffer.concat([Buffer.from([0x80]), randomBytes(64)])], 400, 'VALIDATION_ERROR'],
]

onSqlite.each(heads)(
  'a request with %s is refused in the one error shape, and the server goes on unharmed [ASVS 4.2.1, ASVS 15.3.7]',
  async (_, bytes, status, code) => {
    const { send, expectUnharmed } = await servedHouse()

    const answers = await send(...bytes)

    expect(answers.map((answer) => answer.status)).toEqual([status])
    expect(JSON.parse(answers[0]?.body ?? '').error.code).toBe(code)
    await expectUnharmed(answers[0])
  },
)

const sessions = '/api/auth/sessions'
const firstEncoded = (id: string, percent: string) => `${percent}${id.charCodeAt(0).toString(16)}${id.slice(1)}`

/** Ways to write the path of a session other than as itself. */
const disguises: [name: string, path: (id: string) => string][] = [
  ['its id in upper case', (id) => `${sessions}/${id.toUpperCase()}`],
  ['a letter of its id encoded', (id) => `${sessions}/${firstEncoded(id, '%')}`],
  ['a letter of its id encoded twice', (id) => `${sessions}/${firstEncoded(id, '%25')}`],
  ['its id in braces', (id) => `${sessions}/{${id}}`],
  ['its id without dashes', (id) => `${sessions}/${id.replaceAll('-', '')}`],
  ['a space after it', (id) => `${sessions}/${id}%20`],
  ['a line break after it', (id) => `${sessions}/${id}%0a`],
  ['a NUL after it', (id) => `${sessions}/${id}%00`],
  ['a dot after it', (id) => `${sessions}/${id}.`],
  ['a parameter after it', (id) => `${sessions}/${id};x=1`],
  ['a slash after it', (id) => `${sessions}/${id}/`],
  ['an encoded slash after it', (id) => `${sessions}/${id}%2f`],
  ['a slash after it that is encoded twice', (id) => `${sessions}/${id}%252f`],
  ['an overlong slash after it', (id) => `${sessions}/${id}%c0%af`],
  ['an escape after it that is none', (id) => `${sessions}/${id}%zz`],
  ['bytes after it that are no UTF-8', (id) => `${sessions}/${id}%ff`],
  ['dot segments before it', (id) => `${sessions}/x/../${id}`],
  ['encoded dot segments before it', (id) => `${sessions}/x/%2e%2e/${id}`],
  ['dot segments before it that are encoded twice', (id) => `${sessions}/x/%252e%252e/${id}`],
  ['dot segments before it with an encoded slash', (id) => `${sessions}/x/..%2f${id}`],
  ['overlong dot segments before it', (id) => `${sessions}/x/%c0%ae%c0%ae/${id}`],
  ['an empty segment before it', (id) => `${sessions}//${id}`],
  ['a backslash before it', (id) => `${sessions}\\${id}`],
  ['a letter of another segment encoded', (id) => `/api/auth/%73essions/${id}`],
  ['a slash of its path encoded', (id) => `/api/auth/sessions%2f${id}`],
]

test.each(disguises)(
  'a session that is named with %s is not found: the path is not decoded, and nothing ends [ASVS 1.1.1]',
  async (_, pathOf) => {
    const { auth, verifier, database, send } = await servedHouse()
    const { accessToken } = await auth.signUp(ada)
    const { sid } = await verifier.verify((await auth.logIn(ada)).accessToken)
    const authorization = `Authorization: Bearer ${accessToken}`

    const [answer] = await send(head(`DELETE ${pathOf(sid)} HTTP/1.1`, host, close, authorization))

    expect([400, 404]).toContain(answer?.status)
    expect(database.rows('select id from sessions where revoked_at is not null')).toEqual([])
  },
)

test('a session that is named as it is listed ends, over the wire too', async () => {
  const { auth, verifier, send } = await servedHouse()
  const { accessToken } = await auth.signUp(ada)
  const { sid } = await verifier.verify((await auth.logIn(ada)).accessToken)
  const authorization = `Authorization: Bearer ${accessToken}`

  const [answer] = await send(head(`DELETE ${sessions}/${sid} HTTP/1.1`, host, close, authorization))

  expect(answer?.status).toBe(200)
})

test('TRACE and CONNECT are refused, and told what is allowed [ASVS 13.4.4, ASVS 4.1.4]', async () => {
  const { send } = await servedHouse()

  const [trace] = await send(head('TRACE /api/auth/me HTTP/1.1', host, close))
  const [tunnel] = await send(head('CONNECT evil.example:443 HTTP/1.1', host))

  expect([trace?.status, tunnel?.status]).toEqual([405, 405])
  expect(trace?.headers['allow']).toBe('GET, HEAD')
  expect(tunnel?.headers['allow']).toBe('GET, HEAD, POST, DELETE')
})

test('members __proto__, constructor and prototype leave every other object as it was [ASVS 1.5.2, ASVS 15.3.6]', async () => {
  const { send } = await servedHouseWithAda()
  const pollute =
    '{"constructor":{"prototype":{"isAdmin":true}},"prototype":{"isAdmin":true},"email":"a","password":"b"}'

  await send(signupText(pollute))
  await send(signupText('{"__proto__":{"isAdmin":true},"email":"a","password":"b"}'))
  const [later] = await send(post('/api/auth/login', credentials))

  expect('isAdmin' in {}).toBe(false)
  expect(later?.status).toBe(200)
  expect(later?.body).not.toContain('isAdmin')
})

test('the Host header appears in no answer [ASVS 4.1.3]', async () => {
  const { send } = await servedHouse()
  const answers = [
    await send(head('GET /openapi.json HTTP/1.1', 'Host: evil.example', close)),
    await send(head('GET /api/auth/me HTTP/1.1', 'Host: evil.example', close)),
    await send(head('GET /nothing HTTP/1.1', 'Host: evil.example', close)),
  ].flat()

  const text = answers.map((answer) => answer.head + answer.body).join()

  expect(answers).toHaveLength(3)
  expect(text).not.toContain('evil.example')
})

test('a client that goes away in the middle of its body is no fault of the server', async () => {
  const { port, lines, expectUnharmed, send } = await servedHouse()
  const socket = await dial(port)
  socket.write(`${head(login, host, json, 'Content-Length: 50')}{"email"`)
  await send(get('/healthz'))
  const answered = () => lines.filter(({ fields }) => fields['method'] === 'POST')

  socket.destroy()

  await expect.poll(answered).toEqual([expect.objectContaining({ fields: expect.objectContaining({ status: 400 }) })])
  const [refused] = await send(get('/nothing'))
  await expectUnharmed(refused)
})

test('a client that half-closes is let go, and the server goes on unharmed', async () => {
  const { port, send, expectUnharmed } = await servedHouse()
  const socket = await dial(port)

  socket.end(get('/healthz').replace('Connection: close\r\n', ''))

  await bytesUntilClosed(socket)
  const [refused] = await send(get('/nothing'))
  await expectUnharmed(refused)
})

test('requests that come in one piece are answered in their order', async () => {
  const { send } = await servedHouseWithAda()
  const wrong = JSON.stringify({ email: ada.email, password: 'WrongPass123' })
  const open = Buffer.from(post('/api/auth/login', wrong)).toString().replace('Connection: close\r\n', '')

  const answers = await send(open + head('GET /healthz HTTP/1.1', host) + get('/nothing'))

  expect(answers.map(({ status }) => status)).toEqual([401, 200, 404])
})

test('bytes that are no HTTP behind a request do not overtake its answer', async () => {
  const { send } = await servedHouseWithAda()
  const open = Buffer.from(post('/api/auth/login', credentials)).toString().replace('Connection: close\r\n', '')

  const answers = await send(`${open}nonsense\r\n\r\n`, ...Array.from({ length: 20 }, () => 'and more\r\n\r\n'))

  expect(answers.map(({ status }) => status)).toEqual([200, 400])
  expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({ email: ada.email })
  expect(JSON.parse(answers[1]?.body ?? '').error.code).toBe('VALIDATION_ERROR')
})

test('a bad chunk behind a request does not overtake its answer', async () => {
  const { send } = await servedHouseWithAda()
  const open = Buffer.from(post('/api/auth/login', credentials)).toString().replace('Connection: close\r\n', '')

  const answers = await send(`${open}${head(login, host, json, 'Transfer-Encoding: chunked')}zz\r\nhello\r\n0\r\n\r\n`)

  expect(answers.map(({ status }) => status)).toEqual([200, 400])
})

test('a request of HTTP/1.0 needs no Host header', async () => {
  const { send } = await servedHouse()

  const answers = [
    ...(await send(head('GET /healthz HTTP/1.0'))),
    ...(await send(head('GET /api/auth/me HTTP/1.0', 'Authorization: Bearer x'))),
  ]

  expect(answers.map(({ status }) => status)).toEqual([200, 401])
})

test('a user agent with bytes beyond ASCII and without end is stored escaped and cut at 500 characters [ASVS 1.3.3, ASVS 16.4.1]', async () => {
  const { send, database } = await servedHouseWithAda()
  const agent = Buffer.from(`User-Agent: \x85\xad${'x'.repeat(8000)}`, 'latin1')
  const [before, after] = Buffer.from(post('/api/auth/login', credentials)).toString().split('Connection: close')

  await send(Buffer.from(`${before}`), agent, Buffer.from(`\r\nConnection: close${after}`))

  const stored = database.events().at(-1)?.user_agent
  expect(stored).toMatch(/^\\u0085\\u00adx+$/)
  expect(stored).toHaveLength(500)
})

test('what a path says reaches the log percent-encoded [ASVS 16.4.1]', async () => {
  const { send, lines } = await servedHouse()

  await send(get('/a%0ab%1b%E2%80%A8'))

  await expect.poll(() => lines.at(-1)?.fields['path']).toBe('/a%0ab%1b%E2%80%A8')
})

test('each answer says its length, and no server name or version [ASVS 4.2.2, ASVS 13.4.6]', async () => {
  const { send } = await servedHouseWithAda()
  const answers = [
    await send(get('/healthz')),
    await send(get('/nothing')),
    await send(get('/openapi.json')),
    await send(get('/docs')),
    await send(post('/api/auth/login', credentials)),
    await send(post('/api/auth/login', '{')),
    await send('nonsense\r\n\r\n'),
  ].flat()

  expect(answers).toHaveLength(7)
  for (const { headers, body, head: text } of answers) {
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
    expect(text).not.toMatch(/^(server|x-powered-by|via):/im)
  }
})

test('HEAD answers with the headers of GET and without a body', async () => {
  const { port } = await servedHouse()
  const socket = await dial(port)
  socket.write(head('HEAD /healthz HTTP/1.1', host, close))

  const text = (await bytesUntilClosed(socket)).toString()

  expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(text.toLowerCase()).toContain('content-type: application/json; charset=utf-8')
  expect(text.endsWith('\r\n\r\n')).toBe(true)
})

test('an upgrade that nobody offers is ignored', async () => {
  const { send } = await servedHouse()

  const [answer] = await send(head('GET /healthz HTTP/1.1', host, 'Connection: upgrade, close', 'Upgrade: h2c'))

  expect(answer?.status).toBe(200)
})

onSqlite('requests in flight when the server closes are answered, and then the connection ends', async () => {
  const { port, server } = await servedHouseWithAda()
  const socket = await dial(port)
  const wrong = JSON.stringify({ email: ada.email, password: 'WrongPass123' })
  const open = Buffer.from(post('/api/auth/login', wrong)).toString().replace('Connection: close\r\n', '')
  const received = once(server, 'request')
  socket.write(open + open)
  await received

  server.close()

  const answers = answersOf(await bytesUntilClosed(socket))
  expect(answers.map(({ status }) => status)).toContain(401)
  expect(new Set(answers.map(({ status }) => status)).size).toBe(1)
})
