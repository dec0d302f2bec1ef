import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getListFromStatusListJWT, getStatusListFromJWT } from '@sd-jwt/jwt-status-list'
import { EventSource } from 'eventsource'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { run, serve } from './processes.ts'

/** Clients by the books of OAuth, JOSE and server-sent events, which know nothing of this product, at one server that is started as its users do. */

const audience = 'https://tasks.example'
const client: oauth.Client = { client_id: 'tasks' }
/** The server speaks plain HTTP within this machine. */
const overHttp = { [oauth.allowInsecureRequests]: true }

const folder = mkdtempSync(join(tmpdir(), 'latchkey-clients-'))
const ends: (() => Promise<void>)[] = []
let server: Awaited<ReturnType<typeof serve>>
let issuer: oauth.AuthorizationServer
let asApi: oauth.ClientAuth

type Tokens = { token: string; refresh_token: string; user_id: string }

beforeAll(async () => {
  const surroundings = {
    folder,
    settings: { JWT_AUDIENCE: audience, RATE_LIMIT_SIGNUP: 'off' },
    whenOver: (end: () => Promise<void>) => ends.push(end),
  }
  server = await serve(surroundings)
  const added = await run(['apis', 'add', 'tasks'], surroundings)
  asApi = oauth.ClientSecretBasic(added.stdout.trim())
  const identifier = new URL(server.url.replace('127.0.0.1', 'localhost'))
  const answer = await oauth.discoveryRequest(identifier, { algorithm: 'oauth2', ...overHttp })
  issuer = await oauth.processDiscoveryResponse(identifier, answer)
})

afterAll(async () => {
  for (const end of ends) await end()
  rmSync(folder, { recursive: true })
})

let people = 0
async function signUp(): Promise<Tokens> {
  people += 1
  const body = { email: `person-${people}@example.com`, password: 'SecurePass123' }
  return (await server.request('/api/auth/signup', { body })).json()
}

const logOut = ({ token }: Tokens) => server.request('/api/auth/logout', { body: {}, token })
const keysOf = () => createRemoteJWKSet(new URL(issuer.jwks_uri ?? ''))

async function introspect(token: string, authentication = asApi): Promise<oauth.IntrospectionResponse> {
  const answer = await oauth.introspectionRequest(issuer, client, authentication, token, overHttp)
  return oauth.processIntrospectionResponse(issuer, client, answer)
}

async function revoke(token: string, additionalParameters: Record<string, string> = {}): Promise<void> {
  const options = { ...overHttp, additionalParameters }
  await oauth.processRevocationResponse(await oauth.revocationRequest(issuer, client, asApi, token, options))
}

/** The bit of a token's session, as a relying party finds it that has nothing but the token and the issuer's keys (draft, section 8.3). */
async function statusOf(token: string): Promise<number> {
  const { uri, idx } = getStatusListFromJWT(token)
  const answer = await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } })
  const list = await answer.text()
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/statuslist+jwt'])
  await jwtVerify(list, keysOf(), { subject: uri, typ: 'statuslist+jwt', requiredClaims: ['iat', 'exp', 'ttl'] })
  return getListFromStatusListJWT(list).getStatus(idx)
}

test('oauth4webapi finds every endpoint by the metadata [RFC8414-2a, RFC8414-3]', () => {
  const { origin } = new URL(issuer.issuer)

  expect(issuer).toMatchObject({
    jwks_uri: `${origin}/.well-known/jwks.json`,
    introspection_endpoint: `${origin}/api/auth/introspect`,
    revocation_endpoint: `${origin}/api/auth/revoke`,
  })
})

test('jose takes an access token by the published keys, as an API of RFC 9068 would [RFC9068-4b, RFC9068-4c, RFC9068-4d]', async () => {
  const { token, user_id } = await signUp()

  const { payload } = await jwtVerify(token, keysOf(), { issuer: issuer.issuer, audience, typ: 'at+jwt' })

  expect(payload.sub).toBe(user_id)
})

test('oauth4webapi takes an access token as one of RFC 9068 [RFC9068-2.1b, RFC9068-2.2]', async () => {
  const { token, user_id } = await signUp()
  const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } })

  const claims = await oauth.validateJwtAccessToken(issuer, request, audience, overHttp)

  expect(claims.sub).toBe(user_id)
})

test('oauth4webapi introspects both kinds of token, and none after a logout [RFC7662-2.2a, RFC7662-2.2b]', async () => {
  const tokens = await signUp()
  const both = () => Promise.all([introspect(tokens.token), introspect(tokens.refresh_token)])

  const before = await both()
  await logOut(tokens)
  const after = await both()

  expect(before).toMatchObject([
    { active: true, sub: tokens.user_id, token_type: 'Bearer', aud: audience, client_id: 'latchkey' },
    { active: true, sub: tokens.user_id, token_type: 'refresh_token' },
  ])
  expect(after).toEqual([{ active: false }, { active: false }])
})

test('oauth4webapi reads from the challenge how an API must show itself [RFC7662-2.3]', async () => {
  const { token } = await signUp()

  const refused = introspect(token, oauth.ClientSecretBasic('no credential'))

  await expect(refused).rejects.toMatchObject({
    name: 'WWWAuthenticateChallengeError',
    status: 401,
    cause: [{ scheme: 'basic' }, { scheme: 'bearer', parameters: { realm: 'latchkey' } }],
  })
})

test('oauth4webapi revokes by either kind of token, and the session is over [RFC7009-2.1a, RFC7009-2.1c]', async () => {
  const [byAccess, byRefresh] = [await signUp(), await signUp()]

  await revoke(byAccess.token, { token_type_hint: 'access_token' })
  await revoke(byRefresh.refresh_token, { token_type_hint: 'access_token' })

  for (const { token } of [byAccess, byRefresh]) {
    const asked = oauth.protectedResourceRequest(
      token,
      'GET',
      new URL(`${server.url}/api/auth/me`),
      undefined,
      undefined,
      overHttp,
    )
    await expect(asked).rejects.toMatchObject({
      cause: [{ scheme: 'bearer', parameters: { error: 'invalid_token' } }],
    })
  }
})

test('oauth4webapi is told no more of a token that is none than of one that is revoked [RFC7009-2.2]', async () => {
  await expect(revoke('no token')).resolves.toBeUndefined()
})

test('a client of the Token Status List draft finds the bit of a session set when its user logs out', async () => {
  const [leaving, staying] = [await signUp(), await signUp()]

  const before = [await statusOf(leaving.token), await statusOf(staying.token)]
  await logOut(leaving)
  const after = [await statusOf(leaving.token), await statusOf(staying.token)]

  expect([before, after]).toEqual([
    [0, 0],
    [1, 0],
  ])
})

test('a standard EventSource hears of the end of a session, by the place of its bit', async () => {
  const leaving = await signUp()
  const { uri, idx } = getStatusListFromJWT(leaving.token)
  const stream = new EventSource(`${server.url}/api/auth/revocations`)
  onTestFinished(() => stream.close())
  const told: unknown[] = []
  stream.addEventListener('revoked', ({ data }) => told.push(JSON.parse(data).lists))
  await new Promise((heard) => stream.addEventListener('current', heard, { once: true }))

  await logOut(leaving)

  await expect.poll(() => told).toEqual([{ [uri.split('/').at(-1) ?? '']: [idx] }])
})
