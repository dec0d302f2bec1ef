import { expect, test } from 'vitest'
import { sessionsPerList } from '../domain/status-list.ts'
import { listPositions, newListSeed } from './list-positions.ts'

const seed = newListSeed()

test.each([0, 1, 200])('listPositions() gives each session of list %i an index of its own', (list) => {
  const positionOf = listPositions(seed)
  const numbers = Array.from({ length: sessionsPerList }, (_, at) => list * sessionsPerList + at)

  const positions = numbers.map(positionOf)

  expect(new Set(positions.map(({ index }) => index)).size).toBe(sessionsPerList)
  expect(positions.every((position) => position.list === list)).toBe(true)
  expect(positions.every(({ index }) => index >= 0 && index < sessionsPerList)).toBe(true)
})

test('listPositions() gives a session the same position in another process', () => {
  expect(listPositions(seed)(123_456)).toEqual(listPositions(seed)(123_456))
})

test('listPositions() never moves a session: tokens that were given out name its place', () => {
  const positionOf = listPositions('A'.repeat(43))

  const positions = [0, 1, 65_535, 65_536, 1_000_000].map(positionOf)

  expect(positions).toEqual([
    { list: 0, index: 31_148 },
    { list: 0, index: 37_690 },
    { list: 0, index: 41_799 },
    { list: 1, index: 29_464 },
    { list: 15, index: 3_007 },
  ])
})

test('listPositions() spreads sessions differently in each list and each installation', () => {
  const [own, other] = [listPositions(seed), listPositions(newListSeed())]
  const numbers = Array.from({ length: 1_000 }, (_, at) => at)

  const sameInNextList = numbers.filter((at) => own(at).index === own(at + sessionsPerList).index)
  const sameElsewhere = numbers.filter((at) => own(at).index === other(at).index)

  expect(sameInNextList.length + sameElsewhere.length).toBeLessThan(5)
})

test('listPositions() puts the sessions of one hour in every part of their list', () => {
  const positionOf = listPositions(seed)

  const parts = Array.from({ length: 1_600 }, (_, at) => Math.floor(positionOf(at).index / (sessionsPerList / 16)))

  const counts = Array.from({ length: 16 }, (_, part) => parts.filter((one) => one === part).length)
  expect(Math.min(...counts)).toBeGreaterThan(50)
  expect(Math.max(...counts)).toBeLessThan(150)
})

test('listPositions() works for more lists than it keeps rounds for', () => {
  const positionOf = listPositions(seed)
  const first = positionOf(7)
  for (let list = 0; list < 1_100; list += 1) positionOf(list * sessionsPerList)

  expect(positionOf(7)).toEqual(first)
})
