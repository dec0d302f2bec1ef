import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import type { AccessClaims } from './claims.ts'
import { introspectAt } from './introspection.ts'
import { currentEvent, revokedEvent, testIssuer } from './testing/issuer.ts'
import { deadAddress, serve } from './testing/server.ts'
import { ada, bob, claimsOf, es256Key, startOfTime, tokenOf } from './testing/tokens.ts'
import { createVerifier } from './verifier.ts'
import type { VerifierOptions } from './verifier-options.ts'

const key = es256Key()
const credential = `lka_${'A'.repeat(43)}`
const stale = { code: 'REVOCATIONS_STALE', status: 503 }
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

type Answer = (request: IncomingMessage, response: ServerResponse, form: URLSearchParams) => unknown

const sending = (answer: unknown) => (_: IncomingMessage, response: ServerResponse) =>
  response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
const status = (code: number) => (_: IncomingMessage, response: ServerResponse) => response.writeHead(code).end()

/** An issuer, and a verifier that has followed it until its clock was set on by a minute. */
async function staleVerifier(options: Partial<VerifierOptions> = {}) {
  const clock = { seconds: startOfTime }
  const issuer = await testIssuer({ keys: [key.jwk] })
  endings.push(issuer.close)
  const verifier = createVerifier({
    issuer: issuer.url,
    credential,
    onStale: 'introspect',
    now: () => clock.seconds * 1_000,
    ...options,
  })
  endings.push(verifier.close)
  const listener = await issuer.nextListener()
  listener.send(currentEvent('0'))
  await verifier.ready()
  const questions: { method: string | undefined; headers: IncomingMessage['headers']; form: URLSearchParams }[] = []
  const answerBy = (answer: Answer) =>
    issuer.answerQuestions(async (request, response) => {
      const form = new URLSearchParams(await text(request))
      questions.push({ method: request.method, headers: request.headers, form })
      answer(request, response, form)
    })
  clock.seconds += 60
  return { issuer, verifier, listener, questions, answerBy, clock }
}

type Stale = Awaited<ReturnType<typeof staleVerifier>>

/** A token of Ada's that the issuer signed, and what it says of it. */
function issued({ issuer }: Pick<Stale, 'issuer'>, changes: Record<string, unknown> = {}) {
  const claims = claimsOf({ iss: issuer.url, ...changes })
  const { sub, sid, jti, iss, iat, exp } = claims
  const active = { active: true, token_type: 'Bearer', sub, sid, jti, iss, iat, exp, user_id: sub, username: 'ada' }
  return { token: tokenOf(key, { claims }), active }
}

test('verify() takes a token that the issuer calls active while revocations are stale [RFC7662-2.2a]', async () => {
  const opened = await staleVerifier()
  const { token, active } = issued(opened)
  opened.answerBy(sending(active))

  const claims = await opened.verifier.verify(token)

  expect(claims.user_id).toBe(ada)
  const [{ method, headers, form } = {}] = opened.questions
  expect(method).toBe('POST')
  expect(headers?.accept).toBe('application/json')
  expect(headers?.['content-type']).toBe('application/x-www-form-urlencoded')
  expect(headers?.authorization).toBe(`Bearer ${credential}`)
  expect(Object.fromEntries(form ?? [])).toEqual({ token, token_type_hint: 'access_token' })
})

test.each([
  ['AUTH_REVOKED', {}],
  ['AUTH_EXPIRED', { exp: startOfTime + 30 }],
  ['AUTH_EXPIRED', { exp: startOfTime + 60 }],
  ['AUTH_REVOKED', { exp: startOfTime + 61 }],
])('verify() answers %s for a token with %j that the issuer calls inactive [RFC7662-2.2b]', async (code, changes) => {
  const opened = await staleVerifier({ clockToleranceSeconds: 300 })
  const { token } = issued(opened, changes)
  opened.answerBy(sending({ active: false }))

  await expect(opened.verifier.verify(token)).rejects.toMatchObject({ code, status: 401 })
})

test.each<[string, Record<string, unknown>]>([
  ['of another user', { sub: bob }],
  ['of another session', { sid: randomUUID() }],
  ['of another token', { jti: randomUUID() }],
  ['that leaves out the session', { sid: undefined }],
  ['of a refresh token', { token_type: 'refresh_token' }],
  ['of a token without a type', { token_type: undefined }],
  ['whose "active" is text', { active: 'true' }],
  ['whose "active" is a number', { active: 1 }],
  ['without "active"', { active: undefined }],
])('verify() does not believe an introspection %s [RFC7662-2.2a]', async (_, changes) => {
  const opened = await staleVerifier()
  const { token, active } = issued(opened)
  opened.answerBy(sending({ ...active, ...changes }))

  const cause = { message: 'the introspection was answered for another token' }
  await expect(opened.verifier.verify(token)).rejects.toMatchObject({ ...stale, cause })
})

test('verify() does not believe an answer with another status than 200, whatever it says', async () => {
  const opened = await staleVerifier()
  const { token, active } = issued(opened)
  opened.answerBy((_, response) => response.writeHead(203).end(JSON.stringify(active)))

  const cause = { message: 'the introspection was answered with 203' }
  await expect(opened.verifier.verify(token)).rejects.toMatchObject({ ...stale, cause })
})

test.each<[string, Answer]>([
  ['the credential is refused', status(401)],
  ['too much was asked', status(429)],
  ['the issuer is in trouble', status(500)],
  ['it is sent elsewhere', (_, response) => response.writeHead(307, { location: '/elsewhere' }).end()],
  ['the answer is no JSON', sending('<html>')],
  ['the answer names a member twice', sending('{"active":true,"active":true}')],
  ['the answer is null', sending('null')],
  ['the answer is too long', (_, response) => response.write('x'.repeat(65_537))],
  ['the connection breaks', (request) => request.socket.destroy()],
])('verify() refuses with 503 when %s, and shows neither token nor credential', async (_, answer) => {
  const opened = await staleVerifier()
  const { token } = issued(opened)
  opened.answerBy(answer)

  const error = await opened.verifier.verify(token).catch((thrown: unknown) => thrown)

  expect(error).toMatchObject(stale)
  expect(inspect(error, { depth: 9 })).not.toContain(token)
  expect(inspect(error, { depth: 9 })).not.toContain(credential)
})

test('verify() refuses with 503 when nobody listens any more', async () => {
  const opened = await staleVerifier()
  const { token } = issued(opened)
  await opened.issuer.close()

  await expect(opened.verifier.verify(token)).rejects.toMatchObject(stale)
})

test('verify() asks about a forged or expired token of nobody', async () => {
  const opened = await staleVerifier()
  opened.answerBy(sending({ active: true }))
  const { token } = issued(opened, { exp: startOfTime + 59 })
  const forged = tokenOf(es256Key(), { claims: claimsOf({ iss: opened.issuer.url }) })

  await expect(opened.verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_EXPIRED' })
  await expect(opened.verifier.verify(forged)).rejects.toMatchObject({ code: 'AUTH_INVALID' })

  expect(opened.questions).toEqual([])
})

test('verify() asks nobody about a token that is known to be revoked', async () => {
  const opened = await staleVerifier()
  opened.listener.send(revokedEvent('1', 0, 77))
  await expect.poll(() => opened.verifier.status().revocations?.cursor).toBe('1')
  const { token, active } = issued(opened)
  opened.answerBy(sending(active))

  await expect(opened.verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })

  expect(opened.questions).toEqual([])
})

test('verify() keeps no answer: a token that is revoked after it is refused the next time [RFC7662-4c]', async () => {
  const opened = await staleVerifier()
  const { token, active } = issued(opened)
  opened.answerBy(sending(active))
  await opened.verifier.verify(token)
  opened.answerBy(sending({ active: false }))

  const again = opened.verifier.verify(token)

  await expect(again).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  expect(opened.questions).toHaveLength(2)
})

test('verifyNow() leaves every token to verify() while revocations are stale, and none when they are fresh', async () => {
  const opened = await staleVerifier()
  const { token, active } = issued(opened)
  opened.answerBy(sending(active))

  expect(opened.verifier.verifyNow(token)).toBeUndefined()
  await opened.verifier.verify(token)
  expect(opened.verifier.verifyNow(token)).toBeUndefined()

  opened.clock.seconds -= 60
  opened.listener.send(currentEvent('0'))
  await expect.poll(() => opened.verifier.status().revocations?.state).toBe('fresh')
  expect(opened.verifier.verifyNow(token)).toMatchObject({ user_id: ada })
  expect(opened.questions).toHaveLength(1)
})

test('ready() passes while revocations are stale when the issuer answers, and not otherwise', async () => {
  const opened = await staleVerifier()
  opened.answerBy(sending({ active: false }))

  await expect(opened.verifier.ready()).resolves.toBeUndefined()
  expect(opened.questions.map(({ form }) => form.get('token'))).toEqual(['none'])

  opened.answerBy(status(401))
  await expect(opened.verifier.ready()).rejects.toMatchObject(stale)
})

test('verify() asks nobody after close()', async () => {
  const opened = await staleVerifier()
  const { token, active } = issued(opened)
  opened.answerBy(sending(active))

  opened.verifier.close()

  await expect(opened.verifier.verify(token)).rejects.toMatchObject(stale)
  expect(opened.questions).toEqual([])
})

test('verify() asks nobody where it was not told to, though it has a credential', async () => {
  const opened = await staleVerifier({ onStale: 'reject' })
  const { token, active } = issued(opened)
  opened.answerBy(sending(active))

  await expect(opened.verifier.verify(token)).rejects.toMatchObject(stale)

  expect(opened.questions).toEqual([])
})

test('verify() asks the issuer when the lists cannot be had at all', async () => {
  const opened = await testIssuer({ keys: [key.jwk] })
  endings.push(opened.close)
  opened.answerLists(status(500))
  const { token, active } = issued({ issuer: opened })
  opened.answerQuestions(sending(active))
  const options = { issuer: opened.url, credential, onStale: 'introspect', now: () => startOfTime * 1_000 } as const
  const verifier = createVerifier(options)
  endings.push(verifier.close)

  await expect(verifier.verify(token)).resolves.toMatchObject({ user_id: ada })
})

const claims = { sub: ada, exp: startOfTime + 60 } as AccessClaims

/** Questions at an issuer that answers when it is told to. */
async function heldIntrospection(timeoutMilliseconds = 5_000) {
  const held: (() => void)[] = []
  const clock = { milliseconds: 1_000 }
  const answer = JSON.stringify({
    active: true,
    token_type: 'Bearer',
    sub: ada,
    sid: 'of no claim',
    jti: 'of no claim',
  })
  const server = await serve((_, response) => held.push(() => response.end(answer)))
  endings.push(server.close)
  const introspection = introspectAt({
    issuer: server.url,
    endpoint: () => `${server.url}/introspect`,
    credential,
    now: () => startOfTime * 1_000,
    elapsed: () => clock.milliseconds,
    timeoutMilliseconds,
  })
  endings.push(introspection.close)
  return { introspection, held, clock, server }
}

test('assertActive() shares the question of one token that many bring within a tenth of a second', async () => {
  const { introspection, held, clock } = await heldIntrospection()
  const first = introspection.assertActive('one', claims)
  clock.milliseconds += 100
  const others = [introspection.assertActive('one', claims), introspection.assertActive('other', claims)]

  await expect.poll(() => held.length).toBe(2)
  for (const answer of held) answer()
  await Promise.all([first, ...others])

  expect(held).toHaveLength(2)
})

test('assertActive() shares no question that was asked longer ago: a logout may lie between', async () => {
  const { introspection, held, clock } = await heldIntrospection()
  const first = introspection.assertActive('one', claims)

  clock.milliseconds += 101
  const second = introspection.assertActive('one', claims)

  await expect.poll(() => held.length).toBe(2)
  for (const answer of held) answer()
  await expect(Promise.all([first, second])).resolves.toBeDefined()
})

test('assertActive() shares a question also after an older one of the same token was answered', async () => {
  const { introspection, held, clock } = await heldIntrospection()
  const first = introspection.assertActive('one', claims)
  clock.milliseconds += 101
  const second = introspection.assertActive('one', claims)
  await expect.poll(() => held.length).toBe(2)
  held[0]?.()
  await first

  const third = introspection.assertActive('one', claims)

  held[1]?.()
  await Promise.all([second, third])
  expect(held).toHaveLength(2)
})

test('assertActive() asks the clock of the process where it is given none', async () => {
  const { server, held } = await heldIntrospection()
  const endpoint = () => `${server.url}/introspect`
  const introspection = introspectAt({ issuer: server.url, endpoint, credential, now: Date.now })
  endings.push(introspection.close)
  const both = [introspection.assertActive('one', claims), introspection.assertActive('one', claims)]

  await expect.poll(() => held.length).toBe(1)
  held[0]?.()

  await Promise.all(both)
  expect(held).toHaveLength(1)
})

test('assertActive() keeps the process alive until it is answered', async () => {
  const { introspection, held } = await heldIntrospection()
  const timers = vi.spyOn(globalThis, 'setTimeout')

  const answer = introspection.assertActive('one', claims)

  await expect.poll(() => held.length).toBe(1)
  expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([true])
  held[0]?.()
  await answer
})

test('close() ends every connection', async () => {
  const { introspection, held, server } = await heldIntrospection()
  const answer = introspection.assertActive('one', claims)
  await expect.poll(() => held.length).toBe(1)
  held[0]?.()
  await answer
  const before = await server.connections()

  introspection.close()

  await expect.poll(() => server.connections()).toBe(0)
  expect(before).toBe(1)
})

test('assertActive() gives up on an issuer that does not answer in time', async () => {
  const { introspection } = await heldIntrospection(50)

  await expect(introspection.assertActive('one', claims)).rejects.toMatchObject(stale)
})

test('assertActive() asks 16 questions at once, lets 256 wait, and refuses the next at once', async () => {
  const { introspection, held } = await heldIntrospection()
  const waiting = Array.from({ length: 256 }, (_, at) => introspection.assertActive(String(at), claims))
  const settled = Promise.allSettled(waiting)
  await expect.poll(() => held.length).toBe(16)

  const refusal = await introspection.assertActive('one more', claims).catch((error: unknown) => error)

  expect(refusal).toMatchObject(stale)
  // Nothing was waited for.
  expect((refusal as Error).cause).toBeUndefined()
  expect(held).toHaveLength(16)
  introspection.close()
  for (const outcome of await settled) expect(outcome).toMatchObject({ status: 'rejected', reason: stale })
})

test('assertActive() goes on when questions were answered', async () => {
  const { introspection, held } = await heldIntrospection()
  const waiting = Array.from({ length: 256 }, (_, at) => introspection.assertActive(String(at), claims))
  const answering = setInterval(() => {
    for (const answer of held.splice(0)) answer()
  }, 1)
  endings.push(() => clearInterval(answering))
  await Promise.all(waiting)

  await expect(introspection.assertActive('one more', claims)).resolves.toBeUndefined()
})

test('assertActive() refuses where no endpoint is known', async () => {
  const { url } = await deadAddress()
  const introspection = introspectAt({ issuer: url, endpoint: () => undefined, credential, now: Date.now })
  endings.push(introspection.close)

  const cause = { message: 'the issuer was not found, or names no introspection endpoint' }
  await expect(introspection.assertActive('one', claims)).rejects.toMatchObject({ ...stale, cause })
})
