import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { keepAliveAgent } from './http-request.ts'
import { algorithms, readKeySet } from './keys.ts'
import { listLoader } from './list-loader.ts'
import { statusBits } from './status-bits.ts'
import { listTokenOf } from './testing/issuer.ts'
import { serve } from './testing/server.ts'
import { es256Key, startOfTime } from './testing/tokens.ts'

const listKey = es256Key('lists')
const key = readKeySet({ keys: [listKey.jwk] }, algorithms).find('ES256', 'lists')
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

interface Answer {
  status?: number
  headers?: OutgoingHttpHeaders
  /** Without one it is what the issuer has there. */
  body?: string
}

const folder = '/.well-known/status-lists'
const bits = Uint8Array.of(2, ...new Uint8Array(8_191))

/** An issuer of the lists 0 and 1, each with the bit 1, and what it was asked; answers are changed by their path. */
async function open(changes: Record<string, Answer> = {}, limits: { timeoutMilliseconds?: number } = {}) {
  const asked: Record<string, IncomingHttpHeaders[]> = {}
  const server = await serve((request, response) => {
    const { url = '' } = request
    const { status = 200, headers, body } = changes[url] ?? {}
    asked[url] = [...(asked[url] ?? []), request.headers]
    for (const [name, value] of Object.entries({ 'revocation-cursor': '7', ...headers })) {
      if (value !== undefined) response.setHeader(name, value)
    }
    response.writeHead(status).end(body ?? content(url))
  })
  endings.push(server.close)
  const uriOf = (list: number) => `${server.url}${folder}/${list}`

  function content(url: string): string {
    if (url === folder) return JSON.stringify({ status_lists: [uriOf(0), uriOf(1)] })
    return listTokenOf(listKey, { issuer: server.url, uri: server.url + url, bits })
  }

  const agent = keepAliveAgent(server.url, 8)
  endings.push(() => agent.destroy())
  const known = statusBits(server.url)
  const findKey = async () => key ?? Promise.reject(new Error('no key'))
  const now = () => startOfTime * 1_000
  const loader = listLoader({ issuer: server.url, agent, bits: known, findKey, now, ...limits })
  return {
    issuer: server.url,
    uriOf,
    changes,
    asked,
    load: (cursor = 0) => loader.load(server.url + folder, cursor),
    isRevoked: (list: number, index: number) => known.isRevoked({ uri: uriOf(list), index }),
  }
}

test('load() sets the bits of every list, and says up to where they are complete and how old they are', async () => {
  const { load, isRevoked } = await open()

  expect(await load()).toEqual({ cursor: 7, ageSeconds: 0 })

  expect([isRevoked(0, 1), isRevoked(1, 1), isRevoked(0, 0), isRevoked(1, 2)]).toEqual([true, true, false, false])
})

test.each<[Record<string, Answer>, object]>([
  [{ [folder]: { headers: { 'revocation-cursor': '5', age: '9' } } }, { cursor: 5, ageSeconds: 9 }],
  [{ [`${folder}/1`]: { headers: { 'revocation-cursor': '6', age: '3' } } }, { cursor: 6, ageSeconds: 3 }],
])('load() goes by the least complete answer and by the oldest: %j', async (changes, loaded) => {
  const { load } = await open(changes)

  expect(await load()).toEqual(loaded)
})

test('load() asks for JSON and for lists, of no cache, and by the tag where a list had one', async () => {
  const { load, asked } = await open({ [`${folder}/0`]: { headers: { etag: '"a"' } } })

  await load()
  await load()

  const plain = { 'cache-control': 'no-cache', accept: 'application/statuslist+jwt' }
  expect(asked[folder]?.[0]).toMatchObject({ 'cache-control': 'no-cache', accept: 'application/json' })
  expect(asked[`${folder}/0`]).toMatchObject([plain, { ...plain, 'if-none-match': '"a"' }])
  expect(asked[`${folder}/1`]).toMatchObject([plain, plain])
  const untagged = [asked[`${folder}/0`]?.[0], ...(asked[`${folder}/1`] ?? [])]
  for (const headers of untagged) expect(headers).not.toHaveProperty('if-none-match')
})

test('load() takes for unchanged only a list that it asked for by its tag', async () => {
  const { load, changes } = await open({ [`${folder}/0`]: { headers: { etag: '"a"' } } })
  await load()
  changes[`${folder}/0`] = { status: 304, headers: { age: '4' } }

  expect(await load()).toEqual({ cursor: 7, ageSeconds: 4 })

  changes[`${folder}/1`] = { status: 304 }
  await expect(load()).rejects.toThrow('/1 was answered with 304')
})

test('load() reads a list again that has changed', async () => {
  const { load, changes, isRevoked, issuer, uriOf } = await open({ [`${folder}/0`]: { headers: { etag: '"a"' } } })
  await load()
  const body = listTokenOf(listKey, { issuer, uri: uriOf(0), bits: Uint8Array.of(4, ...new Uint8Array(8_191)) })
  changes[`${folder}/0`] = { headers: { etag: '"b"' }, body }

  await load()

  expect([isRevoked(0, 1), isRevoked(0, 2)]).toEqual([true, true])
})

test.each([
  [folder, 'the addresses of the lists were answered with 203'],
  [`${folder}/0`, '/0 was answered with 203'],
])('load() takes nothing but 200 from %s, whatever it says', async (path, problem) => {
  const { load } = await open({ [path]: { status: 203 } })

  await expect(load()).rejects.toThrow(problem)
})

test.each(['', 'x', '1x', 'x1', '-1', '1234567890123456'])(
  'load() proves nothing by an answer whose Revocation-Cursor is %j',
  async (cursor) => {
    for (const path of [folder, `${folder}/0`]) {
      const { load } = await open({ [path]: { headers: { 'revocation-cursor': cursor } } })

      await expect(load()).rejects.toThrow('has no Revocation-Cursor')
    }
  },
)

test('load() proves nothing by an answer without a Revocation-Cursor, or by one older than what is known', async () => {
  const { load } = await open()
  const without = await open({ [folder]: { headers: { 'revocation-cursor': undefined } } })

  await expect(without.load()).rejects.toThrow('has no Revocation-Cursor')
  await expect(load(7)).resolves.toMatchObject({ cursor: 7 })
  await expect(load(8)).rejects.toThrow('older than what is known')
})

test.each(['x', '1x', 'x1', '-1', '1234567890'])('load() takes an age of %j for none', async (age) => {
  const { load } = await open({ [folder]: { headers: { age } } })

  expect(await load()).toEqual({ cursor: 7, ageSeconds: 0 })
})

const foreign = (count: number) => JSON.stringify({ status_lists: Array(count).fill('x') })

test.each([
  ['null', 'null', 'have another form'],
  ['a number', '5', 'have another form'],
  ['text', '"status_lists"', 'have another form'],
  ['no lists', '{}', 'have another form'],
  ['lists that are none', '{"status_lists":{"length":0}}', 'have another form'],
  ['more than 16,384 lists', foreign(16_385), 'have another form'],
  ['16,384 lists of others', foreign(16_384), 'a list that is not of this issuer'],
  ['a list that is a number', '{"status_lists":[0]}', 'a list that is not of this issuer'],
])('load() refuses addresses that are %s', async (_, body, problem) => {
  const { load } = await open({ [folder]: { body } })

  await expect(load()).rejects.toThrow(problem)
})
