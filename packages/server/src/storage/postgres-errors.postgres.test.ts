import pg from 'pg'
import { expect, test } from 'vitest'
import { Refusal } from '../domain/refusal.ts'
import { Conflict } from './conflict.ts'
import { hasLostConnection, translateStatementError, unavailable } from './postgres-errors.ts'

const named = 'postgres://ada@db.example.com/auth'

function serverError(code: string, facts: Partial<pg.DatabaseError> = {}): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('what the server says', 20, 'error'), { code, severity: 'ERROR', ...facts })
}

test.each([
  ['connection lost', '08006'],
  ['too many connections', '53300'],
  ['disk full', '53100'],
  ['cancelled, by a time-out too', '57014'],
  ['ended by its operator', '57P01'],
  ['input or output error', '58030'],
  ['read-only', '25006'],
  ['idle in a transaction for too long', '25P03'],
  ['a lock that others hold', '55P03'],
])('translateStatementError() tells %s as an outage to come back from', (_, code) => {
  expect(translateStatementError(serverError(code), named)).toMatchObject({
    code: 'UNAVAILABLE',
    retryAfterSeconds: 1,
    cause: { message: `Cannot use DATABASE_URL "${named}": what the server says` },
  })
})

test.each(['40001', '40P01'])('translateStatementError() tells %s as what may be tried again', (code) => {
  expect(translateStatementError(serverError(code), named)).toBeInstanceOf(Conflict)
})

test('translateStatementError() names the database that its role may not use so', () => {
  const error = translateStatementError(serverError('42501'), named)

  expect(error).toEqual(new Error(`Cannot use DATABASE_URL "${named}": what the server says`))
})

test('translateStatementError() tells of another error no row and no parameter', () => {
  const error = serverError('23505', {
    constraint: 'users_email_key',
    detail: 'Key (email)=(ada@example.com)',
    where: 'x',
  })

  const told = translateStatementError(error, named)

  expect(told).not.toBeInstanceOf(Refusal)
  expect(told).toMatchObject({ message: 'Postgres refused a statement: what the server says (23505, users_email_key)' })
  expect(JSON.stringify({ ...(told as Error), cause: (told as Error).cause })).not.toContain('ada@example.com')
})

test('translateStatementError() passes on what is ours, and takes the rest for a lost connection', () => {
  const [refusal, mistake] = [new Refusal('AUTH_FAILED'), new TypeError('not a parameter')]

  expect([refusal, mistake].map((error) => translateStatementError(error, named))).toEqual([refusal, mistake])
  expect(translateStatementError(new Error('read ECONNRESET'), named)).toMatchObject({ code: 'UNAVAILABLE' })
})

test.each([
  ['ended by its server', serverError('57P01', { severity: 'FATAL' }), true],
  ['reset', new Error('read ECONNRESET'), true],
  ['that only refused a statement', serverError('23505'), false],
  ['that was asked for nonsense', new TypeError('not a parameter'), false],
])('hasLostConnection() of a connection %s says whether it is of use', (_, error, isLost) => {
  expect(hasLostConnection(error)).toBe(isLost)
})

test('unavailable() tells every failure of a host with several addresses', () => {
  const several = new AggregateError([
    new Error('connect ECONNREFUSED ::1:5432'),
    new Error('connect ECONNREFUSED 127.0.0.1:5432'),
  ])

  expect(unavailable(several, named).cause).toMatchObject({
    message: `Cannot use DATABASE_URL "${named}": connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432`,
  })
})
