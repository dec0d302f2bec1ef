import { expect, test } from 'vitest'
import { fitsPattern, routerPath } from './path-pattern.ts'

test.each([
  ['/api/auth/me', '/api/auth/me'],
  ['/api/auth/sessions/{id}', '/api/auth/sessions/:id'],
  ['/{one}/x/{other}', '/:one/x/:other'],
])('routerPath() writes %s as %s', (pattern, path) => {
  expect(routerPath(pattern)).toBe(path)
})

test.each([
  ['/api/auth/me', '/api/auth/me'],
  ['/sessions/{id}', '/sessions/1'],
  ['/sessions/{id}', '/sessions/{id}'],
  ['/{one}/x/{other}', '/a/x/b'],
])('fitsPattern() finds %s in %s', (pattern, path) => {
  expect(fitsPattern(pattern, path)).toBe(true)
})

test.each([
  ['/api/auth/me', '/api/auth/ME'],
  ['/api/auth/me', '/api/auth/me/'],
  ['/api/auth/me', '/api/auth'],
  ['/sessions/{id}', '/sessions/'],
  ['/sessions/{id}', '/sessions'],
  ['/sessions/{id}', '/sessions/1/'],
  ['/sessions/{id}', '/sessions/1/2'],
  ['/sessions/{id}', '/session/1'],
  ['/sessions', '/sessions/1'],
])('fitsPattern() does not find %s in %s', (pattern, path) => {
  expect(fitsPattern(pattern, path)).toBe(false)
})
