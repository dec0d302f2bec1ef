import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fairQueue, type Place } from './fair-queue.ts'

const login = (network: string): Place => ({ purpose: 'login', network })
const signup = (network: string): Place => ({ purpose: 'signup', network })

test('shift() lets networks take turns, however much one of them asked for', () => {
  const queue = filled([login('a'), login('a'), login('a'), login('b'), login('b'), login('c')])

  expect(drained(queue)).toEqual(['login a', 'login b', 'login c', 'login a', 'login b', 'login a'])
})

test('shift() lets purposes take turns, however many networks ask for one of them', () => {
  const queue = filled([signup('a'), signup('b'), signup('c'), login('d'), login('e')])

  expect(drained(queue)).toEqual(['signup a', 'login d', 'signup b', 'login e', 'signup c'])
})

test('shift() serves one network in the order in which it came', () => {
  const queue = fairQueue<number>()
  for (const item of [1, 2, 3]) queue.push(item, login('a'))

  expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([1, 2, 3, undefined])
})

test('shift() puts a network that was served behind those that wait', () => {
  const queue = filled([login('a'), login('b')])
  queue.shift()
  queue.push(login('a'), login('a'))
  queue.push(login('c'), login('c'))

  expect(drained(queue)).toEqual(['login b', 'login a', 'login c'])
})

test('remove() takes an item out, and says whether it was there', () => {
  const queue = fairQueue<string>()
  queue.push('one', login('a'))
  queue.push('two', login('a'))

  const removals = [
    queue.remove('one', login('a')),
    queue.remove('one', login('a')),
    queue.remove('one', login('b')),
    queue.remove('one', signup('a')),
  ]

  expect(removals).toEqual([true, false, false, false])
  expect([queue.length(), queue.shift(), queue.shift()]).toEqual([1, 'two', undefined])
})

const somePlace = fc.record({
  purpose: fc.constantFrom('login', 'signup', 'password_change'),
  network: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
})
/** Arrivals, with some of those before them served or gone in between. */
const someHistory = fc.array(fc.oneof(somePlace, fc.constantFrom('shift' as const, 'remove' as const)), {
  maxLength: 60,
})

test('ahead() is how many come out before an item that is pushed then', () => {
  const property = fc.property(someHistory, somePlace, (history, place) => {
    const queue = replayed(history)
    const foretold = queue.ahead(place)

    const item = { ...place }
    queue.push(item, place)

    expect(until(queue, item)).toBe(foretold)
  })

  fc.assert(property, { numRuns: 500 })
})

test('length() is how many come out', () => {
  const property = fc.property(someHistory, (history) => {
    const queue = replayed(history)
    const { length } = drained(replayed(history))

    expect(queue.length()).toBe(length)
  })

  fc.assert(property)
})

function filled(places: readonly Place[]) {
  const queue = fairQueue<Place>()
  for (const place of places) queue.push(place, place)
  return queue
}

function replayed(history: readonly (Place | 'shift' | 'remove')[]) {
  const queue = fairQueue<Place>()
  const pushed: Place[] = []
  for (const step of history) {
    if (step === 'shift') queue.shift()
    else if (step === 'remove') {
      const [last] = pushed.slice(-1)
      if (last) queue.remove(last, last)
    } else {
      const item = { ...step }
      pushed.push(item)
      queue.push(item, item)
    }
  }
  return queue
}

function drained(queue: ReturnType<typeof filled>): string[] {
  const items: string[] = []
  for (let item = queue.shift(); item; item = queue.shift()) items.push(`${item.purpose} ${item.network}`)
  return items
}

function until(queue: ReturnType<typeof filled>, wanted: Place): number {
  let before = 0
  for (let item = queue.shift(); item && item !== wanted; item = queue.shift()) before += 1
  return before
}
