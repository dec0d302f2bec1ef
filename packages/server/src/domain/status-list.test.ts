import { expect, test } from 'vitest'
import { keptAfterDeathMilliseconds, listOfUri, statusListUri } from './status-list.ts'

test.each([
  ['https://auth.example.com', 0, 'https://auth.example.com/.well-known/status-lists/0'],
  ['https://auth.example.com/', 7, 'https://auth.example.com/.well-known/status-lists/7'],
  ['https://example.com/auth/', 12, 'https://example.com/auth/.well-known/status-lists/12'],
])('statusListUri() of %s names list %i with one slash between', (issuer, list, expected) => {
  const uri = statusListUri(issuer, list)

  expect(uri).toBe(expected)
})

test.each([0, 7, 65_536])('listOfUri() finds list %i in the URI that names it', (list) => {
  const found = listOfUri(statusListUri('https://auth.example.com', list))

  expect(found).toBe(list)
})

test('a list is kept for an hour after the last token in it is dead', () => {
  expect(keptAfterDeathMilliseconds).toBe(3_600_000)
})
