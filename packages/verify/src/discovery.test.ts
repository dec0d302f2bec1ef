import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { discover } from './discovery.ts'
import { keepAliveAgent } from './http-request.ts'
import { metadataOf, testIssuer } from './testing/issuer.ts'
import { deadAddress, serve } from './testing/server.ts'
import { createVerifier } from './verifier.ts'

const path = '/.well-known/oauth-authorization-server'
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

/** An issuer below a path of its host, or without one, and what it was asked for. */
async function open(answer: (url: string) => RequestListener, below = '') {
  const paths: string[] = []
  let listener: RequestListener = () => {}
  const server = await serve((request, response) => {
    paths.push(request.url ?? '')
    listener(request, response)
  })
  endings.push(server.close)
  const issuer = server.url + below
  listener = answer(issuer)
  return { issuer, paths, answerBy: (next: RequestListener) => (listener = next) }
}

function testDiscovery(issuer: string, timeoutMilliseconds?: number) {
  const clock = { milliseconds: 0 }
  const agent = keepAliveAgent(issuer, 1)
  endings.push(() => agent.destroy())
  const limits = timeoutMilliseconds === undefined ? {} : { timeoutMilliseconds }
  return { clock, ...discover({ issuer, agent, elapsed: () => clock.milliseconds, ...limits }) }
}

const sending = (document: unknown, headers: Record<string, string> = {}) => {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  return (_: IncomingMessage, response: ServerResponse) => response.writeHead(200, headers).end(text)
}
const goodOne = (issuer: string) => sending(metadataOf(issuer))

test('discover() finds what the metadata names, and asks for nothing before [RFC8414-3]', async () => {
  const { issuer, paths } = await open(goodOne)
  const { find, atHand } = testDiscovery(issuer)
  const before = [atHand(), ...paths]

  const found = await find()

  expect(before).toEqual([undefined])
  expect(found).toEqual({
    keySet: `${issuer}/.well-known/jwks.json`,
    statusLists: `${issuer}/.well-known/status-lists`,
    revocationStream: `${issuer}/api/auth/revocations`,
    introspection: `${issuer}/api/auth/introspect`,
  })
  expect(atHand()).toEqual(found)
  expect(paths).toEqual([path])
})

test('discover() asks for JSON', async () => {
  const accepted: unknown[] = []
  const { issuer } = await open((url) => (request, response) => {
    accepted.push(request.headers.accept)
    goodOne(url)(request, response)
  })

  await testDiscovery(issuer).find()

  expect(accepted).toEqual(['application/json'])
})

test.each([
  ['/auth', `${path}/auth`],
  ['/auth/', `${path}/auth`],
  ['/a/b', `${path}/a/b`],
  ['/', path],
])('discover() puts the path %j of an issuer behind the well-known one [RFC8414-3]', async (below, expected) => {
  const { issuer, paths } = await open(goodOne, below)

  await testDiscovery(issuer).find()

  expect(paths).toEqual([expected])
})

test('discover() asks below the path of an issuer whose host knows nothing of it, and not for other failures', async () => {
  const { issuer, paths, answerBy } = await open(goodOne, '/auth')
  const { find } = testDiscovery(issuer)
  answerBy((_, response) => response.writeHead(500).end())
  const failed = find()
  await expect(failed).rejects.toThrow('answered with 500')
  answerBy((request, response) =>
    request.url === `/auth${path}` ? goodOne(issuer)(request, response) : response.writeHead(404).end(),
  )

  await find()

  expect(paths).toEqual([`${path}/auth`, `${path}/auth`, `/auth${path}`])
})

test('discover() finds nothing of an issuer without metadata: no path is guessed', async () => {
  const { issuer, paths } = await open(() => (_, response) => response.writeHead(404).end())

  await expect(testDiscovery(issuer).find()).rejects.toThrow('was answered with 404')

  expect(paths).toEqual([path])
})

test('discover() asks for the metadata once, however many need it', async () => {
  const { issuer, paths } = await open(goodOne)
  const { find } = testDiscovery(issuer)

  await Promise.all([find(), find(), find()])
  await find()

  expect(paths).toEqual([path])
})

test('discover() leaves out what the metadata does not name', async () => {
  const { issuer } = await open((url) => sending({ ...metadataOf(url), jwks_uri: undefined }))

  await expect(testDiscovery(issuer).find()).resolves.toMatchObject({ keySet: undefined })
})

test.each<[string, (issuer: string) => string]>([
  ['another host', () => 'https://auth.example.com'],
  ['the same with a slash', (issuer) => `${issuer}/`],
  ['the same in other letters', (issuer) => issuer.toUpperCase()],
  ['a path below it', (issuer) => `${issuer}/auth`],
])('discover() refuses metadata whose issuer is %s [RFC8414-3.3]', async (_, named) => {
  const { issuer } = await open((url) => sending({ ...metadataOf(url), issuer: named(url) }))

  await expect(testDiscovery(issuer).find()).rejects.toThrow('it is of another issuer')
})

const names = [
  'jwks_uri',
  'introspection_endpoint',
  'status_list_aggregation_endpoint',
  'latchkey_revocation_stream',
] as const

const foreign: [string, (issuer: string) => unknown][] = [
  ['another host', () => 'https://auth.example.com/x'],
  ['another port', () => 'http://127.0.0.1:1/x'],
  ['another scheme', (issuer) => `${issuer.replace('http:', 'https:')}/x`],
  ['a host that begins alike', (issuer) => `${issuer}.example.com/x`],
  ['a user', (issuer) => `${issuer.replace('//', '//user@')}/x`],
  ['a password alone', (issuer) => `${issuer.replace('//', '//:password@')}/x`],
  ['a fragment', (issuer) => `${issuer}/x#y`],
  ['a path alone', () => '/x'],
  ['no text', () => ['x']],
  ['an address in a list', (issuer) => [`${issuer}/x`]],
  ['null', () => null],
]

test.each(names.flatMap((name) => foreign.map(([what, value]) => [name, what, value] as const)))(
  'discover() refuses metadata whose %s has %s',
  async (name, _, value) => {
    const { issuer } = await open((url) => sending({ ...metadataOf(url), [name]: value(url) }))

    await expect(testDiscovery(issuer).find()).rejects.toThrow(`its ${name} is`)
  },
)

test.each([
  ['no JSON', '<html>', 'JSON text'],
  ['a member twice', '{"issuer":"x","issuer":"y"}', 'JSON text'],
  ['a list', '[]', 'no JSON object'],
  ['null', 'null', 'no JSON object'],
  ['text', '"x"', 'no JSON object'],
  ['nothing', '', 'JSON text'],
])('discover() refuses metadata that is %s [ASVS 1.5.3]', async (_, text, problem) => {
  const { issuer } = await open(() => sending(text))

  await expect(testDiscovery(issuer).find()).rejects.toThrow(problem)
})

test('discover() takes metadata of 64 KiB, and gives up beyond that while it still comes', async () => {
  const { issuer, answerBy } = await open((url) => {
    const room = 65_536 - JSON.stringify({ ...metadataOf(url), pad: '' }).length
    return sending({ ...metadataOf(url), pad: 'x'.repeat(room) })
  })

  await expect(testDiscovery(issuer).find()).resolves.toBeDefined()
  // Never ended: only the limit can end it.
  answerBy((_, response) => response.write('x'.repeat(65_537)))
  await expect(testDiscovery(issuer).find()).rejects.toThrow('more than 65536 bytes')
})

test('discover() follows no redirect', async () => {
  const { issuer, paths } = await open((url) => (request, response) => {
    if (request.url === '/other') return goodOne(url)(request, response)
    return response.writeHead(302, { location: '/other' }).end()
  })

  await expect(testDiscovery(issuer).find()).rejects.toThrow('was answered with 302')

  expect(paths).toEqual([path])
})

test('discover() gives up on an issuer that does not answer', async () => {
  const { issuer } = await open(() => () => {})

  await expect(testDiscovery(issuer, 50).find()).rejects.toThrow('took too long')
})

test('discover() fails when nobody listens, and asks again the next time', async () => {
  const { port, url } = await deadAddress()
  const { find } = testDiscovery(url)
  const refused = find()
  await expect(refused).rejects.toThrow('Cannot read the metadata of the issuer: ')
  await expect(refused).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })

  const server = await serve(goodOne(url), port)
  endings.push(server.close)

  await expect(find()).resolves.toBeDefined()
})

test('discover() asks again in the background when the metadata is as old as it may be', async () => {
  const { issuer, paths, answerBy } = await open((url) => sending(metadataOf(url), { 'cache-control': 'max-age=60' }))
  const { find, clock, atHand } = testDiscovery(issuer)
  await find()
  clock.milliseconds += 59_999
  await find()
  await fetch(`${issuer}/last`)
  const before = [...paths]
  answerBy(sending({ ...metadataOf(issuer), jwks_uri: `${issuer}/moved` }))

  clock.milliseconds += 1
  const old = await find()

  await expect.poll(() => atHand()?.keySet).toBe(`${issuer}/moved`)
  expect(before).toEqual([path, '/last'])
  expect(old.keySet).toBe(`${issuer}/.well-known/jwks.json`)
})

test('discover() asks the clock of the process where it is given none', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  endings.push(() => vi.useRealTimers())
  const { issuer, paths } = await open(goodOne)
  const agent = keepAliveAgent(issuer, 1)
  endings.push(() => agent.destroy())
  const { find } = discover({ issuer, agent })
  await find()

  vi.advanceTimersByTime(300_000)
  await find()

  await expect.poll(() => paths).toEqual([path, path])
})

test('discover() keeps what it knows when the metadata cannot be had again, and asks at most every 30 seconds', async () => {
  const { issuer, paths, answerBy } = await open(goodOne)
  const { find, clock, atHand } = testDiscovery(issuer)
  const known = await find()
  answerBy(sending({ ...metadataOf(issuer), issuer: 'https://auth.example.com' }))

  clock.milliseconds += 300_000
  await Promise.all([find(), find()])
  await expect.poll(() => paths.length).toBe(2)
  clock.milliseconds += 29_999
  await find()
  // What was asked for by then has come before this.
  await fetch(`${issuer}/last`)

  expect(atHand()).toEqual(known)
  expect(paths).toEqual([path, path, '/last'])
})

test('createVerifier() finds keys, lists and stream where the metadata says, and knows no path by heart', async () => {
  const { issuer, paths } = await open((url) => (request, response) => {
    response.setHeader('revocation-cursor', '7')
    if (request.url === '/k') response.end('{"keys":[]}')
    else if (request.url === '/l') response.end('{"status_lists":[]}')
    else if (request.url === '/s') response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    else if (request.url === path) {
      const moved = { jwks_uri: '/k', status_list_aggregation_endpoint: '/l', latchkey_revocation_stream: '/s' }
      const found = Object.entries(moved).map(([name, place]) => [name, url + place])
      response.end(JSON.stringify({ issuer: url, ...Object.fromEntries(found) }))
    } else response.writeHead(404).end()
  })
  const verifier = createVerifier({ issuer })
  endings.push(verifier.close)

  await verifier.ready()

  await expect.poll(() => paths.toSorted()).toEqual([path, '/k', '/l', '/s'].toSorted())
  expect(paths[0]).toBe(path)
})

test('createVerifier() finds an issuer that starts after it', async () => {
  const { port, url } = await deadAddress()
  const verifier = createVerifier({ issuer: url })
  endings.push(verifier.close)
  await expect.poll(() => verifier.status().revocations?.problem).toMatch('Cannot read the metadata of the issuer')

  const issuer = await testIssuer({ port })
  endings.push(issuer.close)

  await expect.poll(() => verifier.status().revocations?.state).toBe('fresh')
  await expect.poll(() => verifier.ready()).toBeUndefined()
})

test.each([
  ['keys and without revocations', { keys: { keys: [] }, revocations: 'off' }],
  ['a secret and without revocations', { secret: 'a secret of at least 32 bytes, for tests', revocations: 'off' }],
  [
    'keys and a source of revocations of its own',
    { keys: async () => ({ keys: [] }), revocations: { isRevoked: () => false } },
  ],
] as const)('createVerifier() with %s asks the issuer for nothing', async (_, options) => {
  const { issuer, paths } = await open(goodOne)
  const verifier = createVerifier({ issuer, ...options })
  endings.push(verifier.close)

  await verifier.ready()

  expect(paths).toEqual([])
})

test.each([
  ['has no metadata', () => (_: IncomingMessage, response: ServerResponse) => response.writeHead(404).end()],
  ['is named otherwise by its metadata', (url: string) => sending({ ...metadataOf(url), issuer: 'https://x.example' })],
  ['names no key set', (url: string) => sending({ ...metadataOf(url), jwks_uri: undefined })],
])('createVerifier() is not ready where the issuer %s [RFC8414-3.3]', async (_, answer) => {
  const { issuer, paths } = await open(answer)
  const verifier = createVerifier({ issuer, revocations: 'off' })
  endings.push(verifier.close)

  await expect(verifier.ready()).rejects.toMatchObject({ code: 'VERIFIER_UNAVAILABLE', status: 503 })

  expect(paths).toEqual([path])
})

test.each(['status_list_aggregation_endpoint', 'latchkey_revocation_stream'])(
  'createVerifier() follows no revocations of an issuer that names no %s, and says so',
  async (name) => {
    const { issuer, paths } = await open((url) => sending({ ...metadataOf(url), [name]: undefined }))
    const verifier = createVerifier({ issuer, keys: { keys: [] } })
    endings.push(verifier.close)

    await expect.poll(() => verifier.status().revocations?.problem).toMatch('names no status lists, or no stream')

    expect(verifier.status().revocations?.state).toBe('waiting')
    expect(new Set(paths)).toEqual(new Set([path]))
  },
)
