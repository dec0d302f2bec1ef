import { expect, test } from 'vitest'
import type { AccessClaims } from './claims.ts'
import { notKnown, tokenCache } from './token-cache.ts'

const facts = { from: 1, until: 5, place: 3, index: 77 }
const claimsOf = (name: string) => ({ jti: name }) as AccessClaims

/** A cache to which a test adds tokens by name. */
function testCache(generationSize: number) {
  const cache = tokenCache(generationSize)
  const add = (name: string) => cache.add(name, claimsOf(name), { ...facts, index: Number(name) || 0 })
  const ask = (name: string) => {
    const slot = cache.find(name)
    return slot === notKnown ? undefined : { name: cache.claims(slot)?.jti, index: cache.index(slot) }
  }
  return { cache, add, ask }
}

test('tokenCache() gives back what it was told of a token', () => {
  const { cache } = testCache(10)
  cache.add('abc', claimsOf('abc'), facts)

  const slot = cache.find('abc')

  expect([cache.claims(slot)?.jti, cache.place(slot), cache.index(slot)]).toEqual(['abc', 3, 77])
  expect([0.9, 1, 4.9, 5].map((seconds) => cache.isWithin(slot, seconds))).toEqual([false, true, true, false])
})

test('tokenCache() knows a token by its whole text alone', () => {
  const { add, ask } = testCache(10)
  add('12')

  expect([ask('12')?.name, ask('1'), ask('123')]).toEqual(['12', undefined, undefined])
})

test('tokenCache() never holds more than two generations', () => {
  const { cache, add } = testCache(10)

  for (let at = 0; at < 1_000; at += 1) add(String(at))

  expect(cache.size()).toBeLessThanOrEqual(20)
})

test('tokenCache() holds at least a generation, and mixes none up', () => {
  const { add, ask } = testCache(1_000)
  const names = Array.from({ length: 2_500 }, (_, at) => String(at))
  for (const name of names) add(name)
  const newest = names.slice(-1_000)

  const known = newest.toReversed().map(ask)

  expect(known).toEqual(newest.toReversed().map((name) => ({ name, index: Number(name) })))
})

test('tokenCache() keeps what it knows while it takes more memory', () => {
  const { add, ask } = testCache(2_000)
  const names = Array.from({ length: 1_500 }, (_, at) => String(at))
  for (const name of names) add(name)

  const known = names.map(ask)

  expect(known).toEqual(names.map((name) => ({ name, index: Number(name) })))
})

test('tokenCache() counts a token once, old or young, and none that it was only asked for', () => {
  const { cache, add, ask } = testCache(2)
  for (const name of ['1', '2', '3']) add(name)

  const asked = [ask('1')?.name, ask('9')]

  expect(asked).toEqual(['1', undefined])
  expect(cache.size()).toBe(3)
})

test('tokenCache() keeps what is asked for, however much comes in between', () => {
  const { add, ask } = testCache(10)
  add('7777')

  for (let at = 0; at < 100; at += 1) {
    add(String(at))
    ask('7777')
  }

  expect(ask('7777')).toEqual({ name: '7777', index: 7777 })
})

test('tokenCache() takes a token that is told again as the one that it is', () => {
  const { cache, add } = testCache(10)
  add('1')

  cache.add('1', claimsOf('other'), facts)

  expect([cache.size(), cache.claims(cache.find('1'))?.jti]).toEqual([1, 'other'])
})

test('tokenCache() forgets both generations at once', () => {
  const { cache, add, ask } = testCache(1)
  for (const name of ['1', '2']) add(name)

  cache.clear()

  expect([cache.size(), ask('1'), ask('2')]).toEqual([0, undefined, undefined])
  add('3')
  expect(ask('3')?.index).toBe(3)
})

test('tokenCache() of no size remembers nothing', () => {
  const { cache, add } = testCache(0)

  add('1')

  expect(cache.size()).toBe(0)
})
