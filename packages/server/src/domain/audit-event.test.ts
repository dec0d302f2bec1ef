import { expect, test } from 'vitest'
import { auditEvent } from './audit-event.ts'
import type { SessionId } from './session.ts'
import type { UserId } from './user.ts'

const origin = { address: '192.0.2.1', network: '192.0.2.1', userAgent: 'test', requestId: 'request' }
const context = { id: 'event', now: 1_000, origin }

test('auditEvent() writes down a deed with who, what, when and from where', () => {
  const event = auditEvent(context, { type: 'login', userId: 'user' as UserId, sessionId: 'session' as SessionId })

  expect(event).toEqual({
    id: 'event',
    userId: 'user',
    sessionId: 'session',
    type: 'login',
    ipAddress: '192.0.2.1',
    userAgent: 'test',
    isSuccess: true,
    failureReason: undefined,
    requestId: 'request',
    createdAt: 1_000,
    count: 1,
  })
})

test('auditEvent() calls whatever has a reason for failing a failure', () => {
  const event = auditEvent(context, { type: 'login_failed', failureReason: 'wrong_password' })

  expect(event).toMatchObject({ isSuccess: false, failureReason: 'wrong_password', userId: undefined })
})
