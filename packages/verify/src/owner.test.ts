import fc from 'fast-check'
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
  expect(isOwner({ url: `/api/${ada}/#`, parameter: ada }, ada)).toBe(false)
  expect(isOwner({ url: `api/${ada}/%20`, parameter: ada }, ada)).toBe(false)
  expect(isOwner({ url: `/api;x/${ada}`, parameter: ada }, ada)).toBe(false)
  expect(isOwner({ url: `http://x/${ada}`, parameter: ada }, ada)).toBe(false)
})

test('isOwner() says of a plain path what it says of the same path read part by part', () => {
  const odd = ['', '.', '..', '...', '%2e', '%2E%2e', '%2f', 'a;b', '..;x', '\\', '#', ' ', ':', 'a.b', '{x}', 'é']
  const near = [ada, ada.toUpperCase(), `${ada}x`, `x${ada}`, `${ada}${ada}`, `${ada}.`, bob]
  const segment = fc.oneof(
    { weight: 3, arbitrary: fc.constant(ada) },
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9._~:@+,=-]{1,4}$/) },
    fc.constantFrom(...near),
    fc.constantFrom(...odd),
    fc.string({ maxLength: 3 }).map((text) => text.replaceAll('?', '')),
  )
  const path = fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`)
  const query = fc.constantFrom('', '?', `?next=/${ada}/`, `?/${ada}`, '?a=%2e%2e/')
  let admitted = 0

  // No reader mistakes a last segment that is encoded, but it makes the quick look give up.
  fc.assert(
    fc.property(path, query, (path, query) => {
      const verdict = isOwner({ url: path + query, parameter: ada }, ada)
      if (verdict) admitted += 1
      expect(isOwner({ url: `${path}/%20${query}`, parameter: ada }, ada)).toBe(verdict)
    }),
    { numRuns: 5_000 },
  )
  expect(admitted).toBeGreaterThan(200)
})
