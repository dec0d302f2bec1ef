import { expect, test } from 'vitest'
import { isOwner } from './owner.ts'
import { hostilePaths } from './testing/hostile-paths.ts'
import { ada, bob } from './testing/tokens.ts'

test.each([`/api/${ada}/tasks`, `/${ada}`, `/api/v1.2/${ada}`, `/api/${ada}/`, `/api/${ada}/tags/a%20b?next=%2f#`])(
  'isOwner() lets the user pass on %s',
  (url) => {
    expect(isOwner({ url: url.replace('#', ''), parameter: ada }, ada)).toBe(true)
  },
)

test('isOwner() lets nobody pass whose id the router did not find', () => {
  expect(isOwner({ url: `/api/${ada}/tasks`, parameter: bob }, ada)).toBe(false)
  expect(isOwner({ url: `/api/${bob}/shared/${ada}`, parameter: bob }, ada)).toBe(false)
})

test.each(hostilePaths)(
  'isOwner() lets nobody pass on %s, even if the router is fooled [ASVS 1.1.1, ASVS 8.2.2]',
  (url) => {
    expect(isOwner({ url, parameter: ada }, ada)).toBe(false)
  },
)

test('isOwner() lets nobody pass on a path with a fragment or a foreign separator', () => {
  expect(isOwner({ url: `/api/${ada}#`, parameter: ada }, ada)).toBe(false)
  expect(isOwner({ url: `/api;x/${ada}`, parameter: ada }, ada)).toBe(false)
  expect(isOwner({ url: `http://x/${ada}`, parameter: ada }, ada)).toBe(false)
})
