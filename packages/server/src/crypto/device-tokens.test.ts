import { expect, test } from 'vitest'
import { deviceSeconds } from '../domain/limit.ts'
import type { UserId } from '../domain/user.ts'
import { deviceTokens } from './device-tokens.ts'
import { sealUnder } from './seal.ts'

const ada = '0198a0d2-6c00-7000-8000-000000000001' as UserId
const grace = '0198a0d2-6c00-7000-8000-000000000002' as UserId

/** Device tokens with a clock moved by hand; devices are called d1, d2, ... */
function testDevices({ keyByte = 7 } = {}) {
  let now = Date.UTC(2026, 0, 1)
  let devices = 0
  const seal = sealUnder(new Uint8Array(32).fill(keyByte), 'device tokens')
  const newId = () => {
    devices += 1
    return `d${devices}`
  }
  const advance = (seconds: number) => {
    now += seconds * 1000
  }
  return { ...deviceTokens(seal, { now: () => now, newId }), seal, advance, now: () => now }
}

test('read() tells the devices of an account apart', () => {
  const { issue, read } = testDevices()
  const tokens = [issue(ada), issue(ada)]

  const devices = tokens.map((token) => read(token, ada))

  expect(devices).toEqual(['d1', 'd2'])
})

test('read() knows no device of another account', () => {
  const { issue, read } = testDevices()

  expect(read(issue(ada), grace)).toBeUndefined()
})

test('read() knows a device for 90 days, and not at the end of the last', () => {
  const { issue, read, advance } = testDevices()
  const token = issue(ada)

  advance(90 * 24 * 60 * 60 - 1)
  const before = read(token, ada)
  advance(1)

  expect([before, read(token, ada)]).toEqual(['d1', undefined])
  expect(deviceSeconds).toBe(90 * 24 * 60 * 60)
})

test('read() takes no token of another key, and none without a time', () => {
  const { read, seal } = testDevices()
  const other = testDevices({ keyByte: 8 })

  const tokens = [
    other.issue(ada),
    seal.close(`${ada} d1`),
    seal.close(`${ada} d1 `),
    seal.close(ada),
    '',
    'x',
    undefined,
  ]

  for (const token of tokens) expect(read(token, ada)).toBeUndefined()
})

test('read() opens a token of 200 characters, and none that is longer', () => {
  const { read, seal, now } = testDevices()
  const tokenOf = (length: number) => seal.close(`${ada} ${'d'.repeat(length)} ${now() + 1}`)
  const [fitting, longer] = [71, 72].map(tokenOf)

  expect([fitting?.length, read(fitting, ada)]).toEqual([200, 'd'.repeat(71)])
  expect([(longer?.length ?? 0) > 200, read(longer, ada)]).toEqual([true, undefined])
})

test('ownerOf() tells whose device it is for as long as read() knows it, and nobody of a token that is none', () => {
  const { issue, ownerOf, seal, advance, now } = testDevices()
  const token = issue(ada)
  const longer = seal.close(`${ada} ${'d'.repeat(72)} ${now() + 1}`)
  const forged = [testDevices({ keyByte: 8 }).issue(ada), seal.close(`${ada} d1`), longer, '', 'x', undefined]

  advance(deviceSeconds - 1)
  const before = ownerOf(token)
  advance(1)

  expect([before, ownerOf(token)]).toEqual([ada, undefined])
  for (const tried of forged) expect(ownerOf(tried)).toBeUndefined()
})

test('issue() writes what nobody can read, in a length that fits a cookie', () => {
  const { issue } = testDevices()

  const token = issue(ada)

  expect(token).toMatch(/^[A-Za-z0-9_-]{50,155}$/)
  expect(Buffer.from(token, 'base64url').toString('latin1')).not.toContain(ada)
})
