import type { RequestListener } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { fetchKeySet } from './remote-keys.ts'
import { deadAddress, serve } from './testing/server.ts'

const endings: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

async function open(listener: RequestListener): Promise<string> {
  const server = await serve(listener)
  endings.push(server.close)
  return `${server.url}/.well-known/jwks.json`
}

test('fetchKeySet() asks for a key set as JSON and gives it', async () => {
  const accepted: unknown[] = []
  const url = await open(({ headers }, response) => {
    accepted.push(headers.accept)
    response.end('{"keys":[{"kty":"EC"}]}')
  })

  await expect(fetchKeySet(url)).resolves.toEqual({ set: { keys: [{ kty: 'EC' }] }, maxAgeSeconds: 300 })
  expect(accepted).toEqual(['application/jwk-set+json, application/json'])
})

test.each([
  [undefined, 300],
  ['public, max-age=120', 120],
  ['max-age=1', 30],
  ['max-age=0', 30],
  ['MAX-AGE=600,must-revalidate', 600],
  ['s-maxage=7, max-age=90', 90],
  ['max-age=31536000, immutable', 3_600],
  ['max-age=9999999999999', 3_600],
  ['no-store', 30],
  ['no-cache, max-age=600', 30],
  ['max-age=soon', 300],
])('fetchKeySet() reads Cache-Control "%s" as %i seconds', async (header, seconds) => {
  const url = await open((_, response) => {
    if (header !== undefined) response.setHeader('cache-control', header)
    response.end('{"keys":[]}')
  })

  await expect(fetchKeySet(url)).resolves.toMatchObject({ maxAgeSeconds: seconds })
})

test('fetchKeySet() gives up on a body beyond 64 KiB while it still comes', async () => {
  // Never ended: only the limit can end it.
  const url = await open((_, response) => response.write('x'.repeat(65_537)))

  await expect(fetchKeySet(url)).rejects.toThrow('more than 65536 bytes')
})

test('fetchKeySet() takes a body of 64 KiB', async () => {
  const set = JSON.stringify({ keys: [], pad: '' })
  const url = await open((_, response) => response.end(set.replace('""', `"${'x'.repeat(65_536 - set.length)}"`)))

  await expect(fetchKeySet(url)).resolves.toMatchObject({ set: { keys: [] } })
})

test('fetchKeySet() follows no redirect', async () => {
  const paths: (string | undefined)[] = []
  const url = await open((request, response) => {
    paths.push(request.url)
    response.writeHead(302, { location: '/other' }).end()
  })

  await expect(fetchKeySet(url)).rejects.toThrow()
  expect(paths).toEqual(['/.well-known/jwks.json'])
})

test.each([404, 500, 204])('fetchKeySet() refuses the status %i', async (status) => {
  const url = await open((_, response) => response.writeHead(status).end())

  await expect(fetchKeySet(url)).rejects.toThrow(`the issuer answered ${status}`)
})

test.each(['{"keys":[],"keys":[]}', '\ufeff{"keys":[]}', '<html>', ''])(
  'fetchKeySet() refuses a body that is not strict JSON: %s [ASVS 1.5.3]',
  async (body) => {
    const url = await open((_, response) => response.end(body))

    await expect(fetchKeySet(url)).rejects.toThrow('JSON text')
  },
)

test('fetchKeySet() gives up on an issuer that does not answer', async () => {
  const url = await open(() => {})

  await expect(fetchKeySet(url, { timeoutMilliseconds: 50 })).rejects.toThrow('timeout')
})

test('fetchKeySet() gives up on an issuer that does not finish', async () => {
  const url = await open((_, response) => response.write('{"keys":'))

  await expect(fetchKeySet(url, { timeoutMilliseconds: 50 })).rejects.toThrow()
})

test('fetchKeySet() fails when nobody listens', async () => {
  const { url } = await deadAddress()

  await expect(fetchKeySet(url)).rejects.toThrow()
})
