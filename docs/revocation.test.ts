import { spawnSync } from 'node:child_process'
import { createVerifier } from '@latchkey/verify'
import { expect, test } from 'vitest'
import { codeBlocks, readPage, sectionOf, tableRows } from './markdown.ts'
import { runProgram, startServer } from './started-server.ts'

const page = readPage('docs/revocation.md')
const messages = sectionOf(page, 'The messages')
const [tokenMessage, addressesMessage, listHeader, listClaims] = codeBlocks(messages, 'json').map((code) =>
  JSON.parse(code),
)
const [events = ''] = codeBlocks(messages, 'text')

/** The same for every value of a kind, so that what is left is the form. */
function formOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((one) => JSON.stringify(formOf(one))))]
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, formOf(member)]))
}

const partsOf = (jwt: string) => jwt.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))

test('an access token, the addresses and a list have the members that docs/revocation.md shows', async () => {
  const { url } = await startServer()
  const { token } = await signUp(url)

  const [, claims] = partsOf(token)
  const addresses = await fetch(`${url}/.well-known/status-lists`)
  const list = await fetch(claims.status.status_list.uri)

  const [header, body] = partsOf(await list.text())
  expect(formOf({ status: claims.status })).toEqual(formOf(tokenMessage))
  expect(formOf(await addresses.json())).toEqual(formOf(addressesMessage))
  expect([formOf(header), formOf(body)]).toEqual([formOf(listHeader), formOf(listClaims)])
  expect([header.alg, header.typ, body.ttl]).toEqual([listHeader.alg, listHeader.typ, listClaims.ttl])
  expect(body.exp - body.iat).toBe(listClaims.exp - listClaims.iat)
  expect(list.headers.get('content-type')).toBe('application/statuslist+jwt')
  for (const { headers } of [addresses, list]) expect(headers.get('revocation-cursor')).toMatch(/^\d+$/)
})

test('the stream of revocations has the bytes that docs/revocation.md shows', async () => {
  const { url } = await startServer()
  const { token } = await signUp(url)
  await fetch(`${url}/api/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })

  const resumed = await readEvents(`${url}/api/auth/revocations`, '0', 'current')
  const lost = await readEvents(`${url}/api/auth/revocations`, '999999', 'reset')

  const plain = (text: string) => text.replaceAll(/\d+(\.\d+)?/g, '0')
  const documented = plain(events).split(/(?<=\n)\n/)
  expect(documented).toHaveLength(3)
  for (const event of documented) expect(plain(`${resumed}${lost}`)).toContain(`${event.trimEnd()}\n\n`)
})

test('docs/revocation.md explains every event that the server can send', () => {
  const server = readPage('packages/server/src/http/routes/revocations.ts')
  const sent = [...server.matchAll(/eventOf\('(\w+)'/g)].map(([, type]) => type)

  const explained = tableRows(messages).map(([type]) => type)

  expect(explained.toSorted()).toEqual([...new Set(sent)].toSorted())
})

const inWords = new Intl.ListFormat('en-GB', { type: 'disjunction' })

test('docs/revocation.md explains every policy for stale revocations, and no other', () => {
  const create = () => createVerifier({ issuer: 'http://localhost:8000', onStale: 'none of them' as 'reject' })
  const [explained = []] = [tableRows(sectionOf(page, 'When the issuer is not heard')).map(([policy]) => policy)]

  const named = explained.map((policy = '') => policy.replaceAll('`', '').split(' ')[0])

  expect(create).toThrow(`onStale must be ${inWords.format(named.map((policy) => `"${policy}"`))}: it is`)
})

const hasPython = spawnSync('python3', ['-c', 'import cryptography']).status === 0

test.skipIf(!hasPython)('the Python lines of docs/revocation.md see a logout in the status list', async () => {
  const { url } = await startServer()
  const { token } = await signUp(url)
  const [program = ''] = codeBlocks(page, 'python')
  const ask = () => runProgram('python3', ['-c', program, url, token])

  const before = await ask()
  await fetch(`${url}/api/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
  const after = await ask()

  expect([before, after]).toEqual(['False\n', 'True\n'])
})

/** Reads the stream until an event of this type has come whole. */
async function readEvents(url: string, cursor: string, last: string): Promise<string> {
  const response = await fetch(url, { headers: { 'last-event-id': cursor } })
  let text = ''
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece
    if (new RegExp(`event: ${last}\n.*\n.*\n\n`).test(text)) break
  }
  return text
}

async function signUp(url: string): Promise<{ token: string }> {
  const response = await fetch(`${url}/api/auth/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'SecurePass123' }),
  })
  return response.json() as Promise<{ token: string }>
}
