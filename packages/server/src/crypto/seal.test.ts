import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sealUnder } from './seal.ts'

const keyMaterial = new Uint8Array(32).fill(7)
const plain = 'a text of thirty-three characters'
const testSeal = () => sealUnder(keyMaterial, 'signing keys')

test('sealUnder() opens what it closed, whatever the text', () => {
  const seal = testSeal()
  const property = fc.property(fc.string({ unit: 'binary' }), (text) => seal.open(seal.close(text)) === text)

  const { failed } = fc.check(property)

  expect(failed).toBe(false)
})

test('sealUnder() is AES-256-GCM under a key of HKDF-SHA-256, opened here by WebCrypto [ASVS 11.3.2]', async () => {
  const seal = testSeal()
  const sealed = Buffer.from(seal.close(plain), 'base64url')

  const master = await crypto.subtle.importKey('raw', keyMaterial, 'HKDF', false, ['deriveKey'])
  const key = await crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: Buffer.from('latchkey signing keys') },
    master,
    { name: 'AES-GCM', length: 256 },
    false,
    ['decrypt'],
  )
  const algorithm = { name: 'AES-GCM', iv: sealed.subarray(0, 12), tagLength: 128 }
  const opened = await crypto.subtle.decrypt(algorithm, key, sealed.subarray(12))
  expect(Buffer.from(opened).toString('utf8')).toBe(plain)
})

test('open() refuses a value of which any one bit was flipped [ASVS 11.3.3]', () => {
  const seal = testSeal()
  const sealed = Buffer.from(seal.close(plain), 'base64url')
  const flips = Array.from({ length: sealed.length * 8 }, (_, bit) => flipped(sealed, bit))

  const openings = flips.map((value) => () => seal.open(value))

  expect(openings).toHaveLength((12 + plain.length + 16) * 8)
  for (const opening of openings) expect(opening).toThrow()
})

test('open() refuses a value of any shorter length', () => {
  const seal = testSeal()
  const sealed = Buffer.from(seal.close(plain), 'base64url')
  const cuts = Array.from({ length: sealed.length }, (_, length) => sealed.subarray(0, length).toString('base64url'))

  const openings = cuts.map((value) => () => seal.open(value))

  for (const opening of openings) expect(opening).toThrow()
})

test.each(['', 'x', '\u0000', 'not sealed at all'])('open() refuses %j and says that it is too short', (value) => {
  const seal = testSeal()
  const opening = () => seal.open(value)

  expect(opening).toThrow('Cannot open a sealed value: it is too short')
})

test('open() refuses what was closed under another key', () => {
  const seal = testSeal()
  const other = sealUnder(new Uint8Array(32).fill(8), 'signing keys')

  const opening = () => other.open(seal.close(plain))

  expect(opening).toThrow()
})

test('open() refuses what was closed for another purpose', () => {
  const seal = testSeal()
  const other = sealUnder(keyMaterial, 'refresh tokens')

  const opening = () => other.open(seal.close(plain))

  expect(opening).toThrow()
})

test('open() refuses the end of one value behind the nonce of another', () => {
  const seal = testSeal()
  const [one, other] = [seal.close(plain), seal.close(plain)].map((value) => Buffer.from(value, 'base64url'))
  const mixed = Buffer.concat([one?.subarray(0, 12) ?? [], other?.subarray(12) ?? []].map(Buffer.from))

  const opening = () => seal.open(mixed.toString('base64url'))

  expect(opening).toThrow()
})

test('close() never uses a nonce twice in 10,000 values [ASVS 11.3.4]', () => {
  const seal = testSeal()
  const values = Array.from({ length: 10_000 }, () => seal.close(plain))

  const nonces = values.map((value) => Buffer.from(value, 'base64url').subarray(0, 12).toString('hex'))
  expect(new Set(nonces).size).toBe(10_000)
})

test('close() writes base64url in which the text cannot be read', () => {
  const seal = testSeal()
  const sealed = seal.close('-----BEGIN PRIVATE KEY-----')

  expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/)
  expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('PRIVATE')
})

function flipped(sealed: Buffer, bit: number): string {
  const bytes = Buffer.from(sealed)
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return bytes.toString('base64url')
}
