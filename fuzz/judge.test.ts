import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { judgeAfter } from './after.ts'
import { readContract } from './contract.ts'
import { createJudge } from './judge.ts'
import { canary } from './requests.ts'
import { bytesOf, exchange } from './wire.ts'

const contract = readContract()
const judge = createJudge(contract)
const id = '6ad7b6ae-3b52-4b0c-8a0d-7f3c1a6c1c11'
const good = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'",
  'content-type': 'application/json; charset=utf-8',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-request-id': id,
}
const profile = { user_id: id, email: 'a@example.com', created_at: '2026-01-01T00:00:00.000Z', last_login: null }
const secret = 'a token that was sent'

/** Long, so that only what never comes is late on a busy machine. */
const patience = 30_000
const soon = { deadlineMilliseconds: 300 }

type Planted = { status?: number; body?: unknown; headers?: Record<string, string | undefined> }

/** The rules that are found broken when a server answers `GET /api/auth/me` like this. */
async function found(listener: RequestListener, { deadlineMilliseconds = patience } = {}): Promise<string[]> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  onTestFinished(() => server.closeAllConnections())
  onTestFinished(() => void server.close())
  await new Promise((done) => server.once('listening', done))
  const { port } = server.address() as AddressInfo
  const asked = { method: 'GET', target: '/api/auth/me', secrets: [secret] }
  const bytes = bytesOf(asked.method, asked.target, [])
  const exchanged = await exchange(bytes, { port, from: '127.2.0.1', deadlineMilliseconds })
  return [...new Set(judge(asked, exchanged).map(({ rule }) => rule))]
}

function answering({ status = 200, body = profile, headers = {} }: Planted): RequestListener {
  return (_, outgoing) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    outgoing.writeHead(status, { ...good, ...headers, 'content-length': Buffer.byteLength(text) }).end(text)
  }
}

function problem(code: string, more: object = {}) {
  const error = { code, message: 'No', details: null, ...more }
  return { error, meta: { timestamp: '2026-01-01T00:00:00.000Z', request_id: id } }
}

test('an answer that is in the contract breaks no rule', async () => {
  expect(await found(answering({}))).toEqual([])
})

test('a refusal that is in the contract breaks no rule', async () => {
  const refusal = { status: 401, body: problem('AUTH_MISSING'), headers: { 'www-authenticate': 'Bearer' } }

  expect(await found(answering(refusal))).toEqual([])
})

test('a server that is busy, as the contract allows, breaks no rule', async () => {
  const busy = { status: 503, body: problem('OVERLOADED'), headers: { 'retry-after': '1' } }

  expect(await found(answering(busy))).toEqual([])
})

test.each<[string, Planted, string]>([
  ['a fault', { status: 500, body: problem('INTERNAL_ERROR') }, 'no fault'],
  [
    'a database that is away',
    { status: 503, body: problem('UNAVAILABLE'), headers: { 'retry-after': '1' } },
    'no fault',
  ],
  ['a status that is not in the contract', { status: 201 }, 'status in the contract'],
  ['a member too few', { body: { ...profile, email: undefined } }, 'body in the contract'],
  ['a member of another type', { body: { ...profile, last_login: 0 } }, 'body in the contract'],
  ['an id that is none', { body: { ...profile, user_id: 'x' } }, 'body in the contract'],
  ['a body that is no JSON', { body: '{' }, 'body in the contract'],
  ['another type of content', { headers: { 'content-type': 'text/html' } }, 'type in the contract'],
  [
    'an error of another shape',
    { status: 401, body: { message: 'No' }, headers: { 'www-authenticate': 'x' } },
    'one error shape',
  ],
  ['an error with an unknown code', { status: 400, body: problem('NOPE') }, 'one error shape'],
  ['a refusal that names no scheme', { status: 401, body: problem('AUTH_MISSING') }, 'WWW-Authenticate'],
  ['a limit that does not say how long', { status: 429, body: problem('RATE_LIMIT_EXCEEDED') }, 'Retry-After'],
  ['a missing security header', { headers: { 'x-content-type-options': '' } }, 'security headers'],
  ['an answer that caches may keep', { headers: { 'cache-control': 'public' } }, 'security headers'],
  ['an id of the request that is none', { headers: { 'x-request-id': '1' } }, 'request id'],
  ['a banner', { headers: { server: 'x' } }, 'no banner'],
  ['a secret that was sent', { headers: { 'x-echo': secret } }, 'no secret comes back'],
  ['the canary of a password', { body: { ...profile, email: canary } }, 'no secret comes back'],
  [
    'a stack trace',
    { status: 400, body: problem('VALIDATION_ERROR', { message: 'Error\n at x (a.ts:1:1)' }) },
    'no insides',
  ],
])('%s is found', async (_, planted, rule) => {
  expect(await found(answering(planted))).toContain(rule)
})

test('an answer that never comes is found', async () => {
  expect(await found(() => {}, soon)).toEqual(['no hang'])
})

test('an answer that stops in the middle is found', async () => {
  const stopping: RequestListener = (_, outgoing) => {
    outgoing.writeHead(200, { ...good, 'content-length': 100 }).write('{"user_id"')
  }

  expect(await found(stopping, soon)).toEqual(['no hang'])
})

test('a connection that ends without an answer is found', async () => {
  expect(await found((incoming) => incoming.socket.destroy())).toEqual(['an answer'])
})

const calm = {
  said: '{"level":"info","path":"/"}\n',
  heapBefore: 30_000_000,
  heapAfter: 31_000_000,
  tokens: 0,
  isAlive: true,
}

test('a log without secrets and faults, flat memory and a living server break no rule', () => {
  expect(judgeAfter(calm)).toEqual([])
  expect(judgeAfter({ ...calm, heapAfter: 50_000_000, tokens: 10_000 })).toEqual([])
})

test.each<[string, Partial<typeof calm>, string]>([
  ['a server that is gone', { isAlive: false }, 'the server is alive'],
  ['a leak', { heapAfter: 37_000_000 }, 'memory is flat'],
  ['a leak beside tokens', { heapAfter: 52_000_000, tokens: 10_000 }, 'memory is flat'],
  ['a password in the log', { said: `{"password":"${canary}x"}\n` }, 'no secret in the log'],
  ['a refresh token in the log', { said: `{"x":"lkr_${'B'.repeat(43)}"}\n` }, 'no secret in the log'],
  ['a credential in the log', { said: `{"x":"lka_${'B'.repeat(43)}"}\n` }, 'no secret in the log'],
  ['an access token in the log', { said: '{"x":"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.x"}\n' }, 'no secret in the log'],
  ['a fault in the log', { said: '{"level":"error"}\n' }, 'no fault in the log'],
  ['a line of the log that is broken', { said: '{"path":"\n' }, 'each line of the log is JSON'],
])('%s is found afterwards', (_, more, rule) => {
  expect(judgeAfter({ ...calm, ...more }).map((finding) => finding.rule)).toEqual([rule])
})
