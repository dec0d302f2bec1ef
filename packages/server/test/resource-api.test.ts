import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createVerifier, type VerifierOptions } from '@latchkey/verify'
import { expect, onTestFinished, test } from 'vitest'
import { type NodeListener, nodeListener } from '../src/http/node-listener.ts'
import { withApi } from '../src/testing/api-house.ts'
import { ada, callerOf, originAt, testHouse } from '../src/testing/test-house.ts'

/** A house on a port, where Ada is signed in and an API has a credential; what is blocked is answered with 503. */
async function servedHouse(settings: Record<string, string> = {}, below = '') {
  let listener: NodeListener = () => {}
  const blocked = new Set<string>()
  const server = createServer((request, response) => {
    const { url = '' } = request
    if (!url.startsWith(`${below}/`)) return response.writeHead(404).end()
    request.url = url.slice(below.length)
    if ([...blocked].some((path) => request.url?.startsWith(path))) return response.writeHead(503).end()
    return listener(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${below}`
  const house = await withApi(await testHouse({ PUBLIC_URL: issuer, ...settings }))
  listener = nodeListener(async (request, bindings) => house.app.fetch(request, bindings), { handles: house.handles })

  const follow = (options: Partial<VerifierOptions> = {}) => {
    const verifier = createVerifier({ issuer, now: house.clock.now, ...options })
    onTestFinished(verifier.close)
    return verifier
  }
  const logOut = async () =>
    house.auth.logOut({ caller: await callerOf(house, house.tokens.accessToken), scope: 'local', origin: ada.origin })
  const block = () => {
    for (const path of ['/.well-known/status-lists', '/api/auth/revocations']) blocked.add(path)
    server.closeAllConnections()
  }
  return { ...house, follow, logOut, block, token: house.tokens.accessToken }
}

const sharedSecret = 'a shared secret of more than 32 bytes'

test.each<[string, Record<string, string>, Partial<VerifierOptions>]>([
  ['alone', {}, {}],
  ['and the shared secret', { JWT_SECRET: sharedSecret }, { secret: sharedSecret }],
])('a verifier that is given the issuer %s finds the server, and hears of a logout', async (_, settings, options) => {
  const { follow, logOut, token } = await servedHouse(settings)
  const verifier = follow(options)
  const claims = await verifier.verify(token)

  await logOut()

  expect(claims.email).toBe(ada.email)
  await expect.poll(() => verifier.verify(token).catch(({ code }) => code)).toBe('AUTH_REVOKED')
})

test('a verifier finds a server below a path, of which the proxy before it hands on that path alone [RFC8414-3]', async () => {
  const { follow, logOut, token } = await servedHouse({}, '/auth')
  const verifier = follow()
  await expect(verifier.verify(token)).resolves.toMatchObject({ email: ada.email })

  await logOut()

  await expect.poll(() => verifier.verify(token).catch(({ code }) => code)).toBe('AUTH_REVOKED')
})

test('a verifier with a credential follows the stream of a server that asks for one', async () => {
  const { follow, logOut, token, credential } = await servedHouse({ REVOCATION_STREAM: 'credential' })
  const verifier = follow({ credential })
  await verifier.verify(token)
  await expect.poll(() => verifier.status().revocations).toMatchObject({ state: 'fresh', problem: undefined })

  await logOut()

  await expect.poll(() => verifier.status().revocations?.cursor).toBe('1')
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})

test('a verifier without a credential polls the lists of a server that asks for one, and says why', async () => {
  const { follow, logOut, token } = await servedHouse({ REVOCATION_STREAM: 'credential' })
  const verifier = follow({ maxStalenessSeconds: 1 })
  await verifier.verify(token)
  await expect.poll(() => verifier.status().revocations?.problem).toMatch('takes the credential of an API')

  await logOut()

  await expect.poll(() => verifier.verify(token).catch(({ code }) => code), { timeout: 5_000 }).toBe('AUTH_REVOKED')
})

test('a verifier that cannot hear of revocations asks by introspection, and refuses without its credential', async () => {
  const { follow, logOut, block, token, credential, clock, auth } = await servedHouse()
  const verifier = follow({ credential, onStale: 'introspect' })
  await verifier.verify(token)
  block()
  clock.advance(60)

  await expect(verifier.verify(token)).resolves.toMatchObject({ email: ada.email })
  expect(verifier.status().revocations?.state).toBe('stale')
  await logOut()
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'AUTH_REVOKED', status: 401 })
  await auth.revokeApi({ name: 'tasks', origin: originAt('local') })
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'REVOCATIONS_STALE', status: 503 })
})
