import { expect, test } from 'vitest'
import { isSessionId } from './session.ts'

const id = '0b5e5c1e-7b1d-4a51-9c3f-1f0a2b3c4d5e'

test('isSessionId() takes a canonical UUID', () => {
  expect(isSessionId(id)).toBe(true)
})

test.each([
  '',
  id.toUpperCase(),
  id.replaceAll('-', ''),
  `{${id}}`,
  `urn:uuid:${id}`,
  ` ${id}`,
  `${id} `,
  `${id}\n`,
  `${id}0`,
  `${id}/${id}`,
  id.slice(1),
  id.replace('0b', '0g'),
  id.replace('b', '\u0431'),
  '../me',
])('isSessionId() refuses %j', (text) => {
  expect(isSessionId(text)).toBe(false)
})
