import { expect, test } from 'vitest'
import { problemOf } from '../http/problem.ts'
import { Refusal, type RefusalCode, refusals } from './refusal.ts'

const context = { requestId: '0198a0d2-6c00-4000-8000-000000000001', now: 0 }
const codes = Object.keys(refusals) as RefusalCode[]

test.each([
  ['AUTH_MISSING', 401, 'Authentication required'],
  ['AUTH_INVALID', 401, 'Invalid or expired token'],
  ['AUTH_EXPIRED', 401, 'Invalid or expired token'],
  ['AUTH_REVOKED', 401, 'Invalid or expired token'],
  ['AUTH_INVALID_CLAIMS', 401, 'Invalid token format'],
  ['AUTH_FAILED', 401, 'Invalid credentials'],
  ['AUTH_REFRESH_INVALID', 401, 'Invalid refresh token'],
  ['AUTH_FORBIDDEN', 403, 'Access denied'],
  ['CONFLICT_EMAIL', 409, 'Email already registered'],
  ['VALIDATION_PASSWORD', 400, 'Password does not meet requirements'],
  ['VALIDATION_ERROR', 400, 'Invalid input'],
  ['RATE_LIMIT_EXCEEDED', 429, 'Too many requests. Try again later.'],
  ['OVERLOADED', 503, 'Service busy. Try again later.'],
] as const)('Refusal %s is answered with %i and the words of the contract', (code, status, message) => {
  const problem = problemOf(new Refusal(code), context)

  expect(problem.status).toBe(status)
  expect(JSON.parse(problem.body)).toMatchObject({ error: { code, message, details: null } })
})

test.each(codes)('Refusal %s has a status of its own kind and a message', (code) => {
  const refusal = new Refusal(code)

  const { status } = problemOf(refusal, context)

  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(600)
  expect(refusal).toMatchObject({ name: 'Refusal', code, message: refusals[code] })
})

test('Refusal keeps what the caller may know, and the cause', () => {
  const cause = new Error('why')
  const quota = { name: 'login', limit: 5, windowSeconds: 60, remaining: 0, resetSeconds: 7 }
  const details = [{ field: 'email', issue: 'Must be an email address' }]

  const refusal = new Refusal('RATE_LIMIT_EXCEEDED', { details, retryAfterSeconds: 7, quota, cause })

  expect(refusal).toMatchObject({ details, retryAfterSeconds: 7, quota, cause })
})
