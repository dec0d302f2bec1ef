import { deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { algorithms, readKeySet } from './keys.ts'
import { readStatusList } from './status-list-token.ts'
import { listTokenOf } from './testing/issuer.ts'
import { es256Key, issuer, startOfTime } from './testing/tokens.ts'

const listKey = es256Key('lists')
const key = readKeySet({ keys: [listKey.jwk] }, algorithms).find('ES256', 'lists')
const uri = `${issuer}/.well-known/status-lists/0`
const bits = Uint8Array.of(2, ...new Uint8Array(8_191))

type Changes = Omit<Parameters<typeof listTokenOf>[1], 'uri' | 'issuer'>

function read(changes: Changes = {}, signer = listKey): Promise<Uint8Array> {
  const findKey = async () => key ?? Promise.reject(new Error('no key'))
  const rules = { issuer, uri, nowSeconds: startOfTime, findKey }
  return readStatusList(listTokenOf(signer, { uri, issuer, bits, ...changes }), rules)
}

test.each<[string, Changes]>([
  ['as the issuer makes it', {}],
  ['with its type in full', { header: { typ: 'application/statuslist+jwt' } }],
  ['without its issuer', { claims: { iss: undefined } }],
  ['without its end', { claims: { exp: undefined } }],
  ['by a clock that is two minutes ahead', { claims: { iat: startOfTime + 120 } }],
  ['that ended less than two minutes ago', { claims: { exp: startOfTime - 119 } }],
])('readStatusList() reads a list %s', async (_, changes) => {
  expect(await read(changes)).toEqual(Buffer.from(bits))
})

const packed = (content: string | Uint8Array) => deflateSync(content).toString('base64url')

test.each<[string, string, Changes]>([
  ['whose list it is', 'of another address', { claims: { sub: `${uri}0` } }],
  ['who issued it', 'of another issuer', { claims: { iss: 'https://other.example' } }],
  ['when it was issued', 'without its time', { claims: { iat: undefined } }],
  ['when it was issued', 'whose time is text', { claims: { iat: String(startOfTime) } }],
  ['when it was issued', 'from the future', { claims: { iat: startOfTime + 121 } }],
  ['its end', 'that is over', { claims: { exp: startOfTime - 120 } }],
  ['its end', 'whose end is text', { claims: { exp: 'never' } }],
  ['its form', 'that holds none', { claims: { status_list: undefined } }],
  ['its form', 'that holds null', { claims: { status_list: null } }],
  ['its form', 'that holds text', { claims: { status_list: 'x' } }],
  ['its form', 'without the size of an entry', { list: { bits: undefined } }],
  ['its form', 'of two bits an entry', { list: { bits: 2 } }],
  ['its form', 'without bits', { list: { lst: undefined } }],
  ['its form', 'whose bits are a number', { list: { lst: 1 } }],
  ['its size', 'that is no base64url', { list: { lst: '*' } }],
  ['its size', 'that is not compressed', { list: { lst: 'AAAA' } }],
  ['its size', 'that is too short', { list: { lst: packed(new Uint8Array(8_191)) } }],
  ['its size', 'that is too long', { list: { lst: packed(new Uint8Array(8_193)) } }],
])('readStatusList() finds that %s is not as it must be in a list %s', async (what, _, changes) => {
  const message = `Cannot use the status list: ${what} is not as it must be`
  await expect(read(changes)).rejects.toMatchObject({ message })
})

test('readStatusList() refuses a list by another key, and a token of another kind', async () => {
  await expect(read({}, es256Key('lists'))).rejects.toThrow('its signature is not as it must be')
  await expect(read({ header: { typ: 'at+jwt' } })).rejects.toMatchObject({ code: 'AUTH_INVALID' })
})
