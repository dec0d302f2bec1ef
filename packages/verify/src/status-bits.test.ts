import { expect, test } from 'vitest'
import { bytesPerList, sessionsPerList, statusBits } from './status-bits.ts'

const issuer = 'https://auth.example.com'
const uriOf = (list: number) => `${issuer}/.well-known/status-lists/${list}`
const refused = expect.objectContaining({ code: 'AUTH_INVALID_CLAIMS' })

test('isRevoked() is true for a bit that was set, and for no other of its list', () => {
  const bits = statusBits(issuer)
  for (const index of [17, 19]) bits.set(0, index)

  const revoked = [16, 17, 18, 19].map((index) => bits.isRevoked({ uri: uriOf(0), index }))

  expect(revoked).toEqual([false, true, false, true])
})

test('isRevoked() takes the lists of an issuer whose address ends with a slash', () => {
  const bits = statusBits(`${issuer}/`)
  bits.set(0, 17)

  expect(bits.isRevoked({ uri: uriOf(0), index: 17 })).toBe(true)
})

test.each([
  ['an index beyond the list', { uri: uriOf(0), index: sessionsPerList }],
  ['a list of another issuer', { uri: 'https://evil.example.com/.well-known/status-lists/0', index: 0 }],
  ['a list that is no number', { uri: `${issuer}/.well-known/status-lists/00`, index: 0 }],
])('isRevoked() refuses %s', (_, status) => {
  const bits = statusBits(issuer)

  expect(() => bits.isRevoked(status)).toThrow(refused)
})

test('add() only ever sets bits, and an empty list takes no memory', () => {
  const bits = statusBits(issuer)
  for (const index of [1, 800]) bits.set(0, index)
  const { length } = bits.store.bytes
  bits.add(0, new Uint8Array(bytesPerList).fill(0b100, 0, 2))
  bits.add(1, new Uint8Array(bytesPerList))

  const revoked = [0, 1, 2, 8, 10, 18, 800].map((index) => bits.isRevoked({ uri: uriOf(0), index }))

  expect(revoked).toEqual([false, true, true, false, true, false, true])
  expect([bits.lists(), bits.memoryBytes()]).toEqual([1, length])
})

test('a list that is over has no session that may pass, whatever is told of it', () => {
  const bits = statusBits(issuer)
  bits.keepOnly([5])
  bits.set(3, 7)
  bits.add(3, new Uint8Array(bytesPerList).fill(1))

  const over = bits.isRevoked({ uri: uriOf(3), index: 0 })
  const live = bits.isRevoked({ uri: uriOf(5), index: 0 })

  expect([over, live]).toEqual([true, false])
})

test('lists that last keep their bits when others are over, at positions of a new epoch', () => {
  const bits = statusBits(issuer)
  for (const list of [0, 1, 2]) bits.set(list, 10 + list)
  const { epoch } = bits.store

  bits.keepOnly([1, 2, 30])
  bits.set(2, 5)

  const revoked = [0, 1, 2, 30].map((list) => bits.isRevoked({ uri: uriOf(list), index: 10 + list }))
  expect(revoked).toEqual([true, true, true, false])
  expect(bits.isRevoked({ uri: uriOf(2), index: 5 })).toBe(true)
  expect(bits.store.epoch).not.toBe(epoch)
})

test('a list that begins after others are over has bits of its own', () => {
  const bits = statusBits(issuer)
  for (const list of [0, 1, 2]) bits.set(list, 10)
  bits.keepOnly([1, 2])

  bits.set(3, 11)

  const revoked = [1, 2, 3].map((list) => [10, 11].map((index) => bits.isRevoked({ uri: uriOf(list), index })))
  expect(revoked).toEqual([
    [true, false],
    [true, false],
    [false, true],
  ])
})

test('lists keep their positions where none is over', () => {
  const bits = statusBits(issuer)
  bits.set(1, 10)
  const { epoch } = bits.store

  bits.keepOnly([1, 2])

  expect(bits.store.epoch).toBe(epoch)
})

test('keepOnly() makes room for all lists at once, and once', () => {
  const bits = statusBits(issuer)
  const lists = Array.from({ length: 100 }, (_, list) => list)

  bits.keepOnly(lists)
  for (const list of lists) bits.set(list, 0)
  bits.keepOnly(lists)

  expect(bits.memoryBytes()).toBe((1 + 100) * bytesPerList)
})

test('lists that come one by one have room for sixteen more at a time', () => {
  const bits = statusBits(issuer)
  const memory = Array.from({ length: 18 }, (_, list) => {
    bits.set(list, 0)
    return bits.memoryBytes() / bytesPerList
  })

  expect(memory).toEqual([...Array(17).fill(1 + 1 + 16), 1 + 18 + 16])
})

test('an old answer takes no bits away, of lists that began since nor of those that it still names', () => {
  const bits = statusBits(issuer)
  bits.keepOnly([2, 3, 4])
  for (const list of [2, 3, 4]) bits.set(list, 10)

  bits.keepOnly([0, 2])
  bits.keepOnly([2, 3, 4])

  const asked = [0, 2, 3, 4].map((list) => [10, 11].map((index) => bits.isRevoked({ uri: uriOf(list), index })))
  expect(asked).toEqual([[true, true], ...Array(3).fill([true, false])])
})

test('more lists than there was room for have their bits each', () => {
  const bits = statusBits(issuer)
  const lists = Array.from({ length: 100 }, (_, list) => list)
  for (const list of lists) bits.set(list, list)

  const wrong = lists.filter((list) => {
    const own = bits.isRevoked({ uri: uriOf(list), index: list })
    const next = bits.isRevoked({ uri: uriOf(list), index: list + 1 })
    return !own || next
  })

  expect(wrong).toEqual([])
})
