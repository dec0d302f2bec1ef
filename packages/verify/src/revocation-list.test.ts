import { expect, test } from 'vitest'
import { revocationList } from './revocation-list.ts'
import { startOfTime } from './testing/tokens.ts'

function testList() {
  const clock = { seconds: startOfTime }
  return { clock, list: revocationList(() => clock.seconds * 1_000) }
}

test('revocationList() knows what was added', () => {
  const { list } = testList()

  list.add('a', startOfTime + 60)

  expect([list.has('a'), list.has('b'), list.size()]).toEqual([true, false, 1])
})

test('revocationList() forgets a session an hour after its last token died, and not before', () => {
  const { clock, list } = testList()
  list.add('a', startOfTime + 60)

  clock.seconds += 60 + 3_600
  list.add('b', clock.seconds + 60)
  expect(list.has('a')).toBe(true)

  clock.seconds += 61
  list.add('c', clock.seconds + 60)
  expect(list.has('a')).toBe(false)
  expect(list.size()).toBe(2)
})

test('revocationList() keeps the latest end of a session that comes twice', () => {
  const { clock, list } = testList()
  list.add('a', startOfTime + 10_000)
  list.add('a', startOfTime)

  clock.seconds += 10_000
  list.add('b', clock.seconds)

  expect(list.has('a')).toBe(true)
})
