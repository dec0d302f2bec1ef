import { expect, test } from 'vitest'
import { tokenCache } from './token-cache.ts'

test('tokenCache() knows a token by its whole text alone', () => {
  const cache = tokenCache<number>(10)
  cache.set('abc', 1)

  expect([cache.get('abc'), cache.get('ab'), cache.get('abcd')]).toEqual([1, undefined, undefined])
})

test('tokenCache() never holds more than two generations', () => {
  const cache = tokenCache<number>(10)

  for (let at = 0; at < 1_000; at += 1) cache.set(String(at), at)

  expect(cache.size()).toBeLessThanOrEqual(20)
})

test('tokenCache() holds at least a generation', () => {
  const cache = tokenCache<number>(10)
  const tokens = Array.from({ length: 25 }, (_, at) => String(at))
  for (const [at, token] of tokens.entries()) cache.set(token, at)

  expect(tokens.slice(-10).map((token) => cache.get(token))).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24])
})

test('tokenCache() keeps what is asked for, however much comes in between', () => {
  const cache = tokenCache<string>(10)
  cache.set('used', 'kept')

  for (let at = 0; at < 100; at += 1) {
    cache.set(String(at), '')
    cache.get('used')
  }

  expect(cache.get('used')).toBe('kept')
})

test('tokenCache() forgets both generations at once', () => {
  const cache = tokenCache<number>(1)
  for (const token of ['a', 'b']) cache.set(token, 1)

  cache.clear()

  expect([cache.size(), cache.get('a'), cache.get('b')]).toEqual([0, undefined, undefined])
})
