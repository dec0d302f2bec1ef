import { expect, test } from 'vitest'
import { internalProblem, problemBody, tokenProblem } from './problem.ts'
import { startOfTime } from './testing/tokens.ts'
import { TokenError, type TokenErrorCode, tokenErrors } from './token-error.ts'

const context = { requestId: '3f0c1c1e-7a53-4a51-9d64-0d6f9b1f2a11', now: startOfTime * 1_000 }
const meta = { timestamp: '2026-01-01T00:00:00.000Z', request_id: context.requestId }

test('problemBody() has the one shape of errors', () => {
  const details = [{ field: 'email', issue: 'is missing' }]

  expect(problemBody({ code: 'A', message: 'B', ...context })).toEqual({
    error: { code: 'A', message: 'B', details: null },
    meta,
  })
  expect(problemBody({ code: 'A', message: 'B', details, ...context }).error.details).toEqual(details)
  expect(problemBody({ code: 'A', message: 'B', details: [], ...context }).error.details).toBeNull()
})

test.each(Object.keys(tokenErrors) as TokenErrorCode[])(
  'tokenProblem() answers %s with its status and message',
  (code) => {
    const { status, headers, body } = tokenProblem(new TokenError(code, { cause: new Error('secret') }), context)

    expect(status).toBe(tokenErrors[code].status)
    expect(body).toEqual({ error: { code, message: tokenErrors[code].message, details: null }, meta })
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-request-id': context.requestId })
    expect('www-authenticate' in headers).toBe(status === 401 || status === 400)
    expect(headers['retry-after']).toBe(status === 503 ? '1' : undefined)
  },
)

test('internalProblem() says nothing but the request id', () => {
  expect(internalProblem(context)).toMatchObject({
    status: 500,
    body: { error: { code: 'INTERNAL_ERROR', message: 'Internal error', details: null }, meta },
  })
})
