import { expect, test } from 'vitest'
import { bytesPerList, sessionsPerList, statusBits } from './status-bits.ts'

const issuer = 'https://auth.example.com'
const uriOf = (list: number) => `${issuer}/.well-known/status-lists/${list}`
const refused = expect.objectContaining({ code: 'AUTH_INVALID_CLAIMS' })

test('isRevoked() is true for a bit that was set, and for no other of its list', () => {
  const bits = statusBits(issuer)
  bits.set(0, 17)

  const revoked = [16, 17, 18].map((index) => bits.isRevoked({ uri: uriOf(0), index }))

  expect(revoked).toEqual([false, true, false])
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
  bits.set(0, 1)
  const { length } = bits.store.bytes
  bits.add(0, new Uint8Array(bytesPerList).fill(0b100, 0, 1))
  bits.add(1, new Uint8Array(bytesPerList))

  const revoked = [0, 1, 2].map((index) => bits.isRevoked({ uri: uriOf(0), index }))

  expect(revoked).toEqual([false, true, true])
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
