import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/test-database.ts'
import { readPostgresAddress } from './postgres-address.ts'

test('readPostgresAddress() takes every part, percent-decoded, and names the address without the password', () => {
  const address = readPostgresAddress('postgres://ad%40a:p%40ss%3Aword%2F%23@localhost:5433/my%20auth?options=-c%20a=b')

  expect(address).toEqual({
    host: 'localhost',
    port: 5433,
    user: 'ad@a',
    password: 'p@ss:word/#',
    database: 'my auth',
    options: '-c a=b',
    tls: false,
    named: 'postgres://ad%40a@localhost:5433/my%20auth',
    isExposed: false,
    isUnverified: false,
  })
})

test.each([
  ['postgres:///auth', 'localhost', 5432],
  ['postgresql://ada@[::1]/auth', '::1', 5432],
  ['postgres:///auth?host=/run/postgresql', '/run/postgresql', 5432],
])('readPostgresAddress() of %s asks at %s', (url, host, port) => {
  expect(readPostgresAddress(url)).toMatchObject({ host, port, tls: false, isExposed: false })
})

test('readPostgresAddress() asks another machine for a valid certificate of that host', () => {
  const address = readPostgresAddress('postgres://ada@db.example.com/auth')

  expect(address.tls).toEqual({ rejectUnauthorized: true, servername: 'db.example.com' })
  expect(address.isExposed).toBe(false)
})

test.each([
  ['verify-ca', true, true],
  ['require', false, true],
  ['verify-full', true, false],
])('readPostgresAddress() with sslmode=%s checks what it says', (mode, rejectUnauthorized, ignoresName) => {
  const { tls } = readPostgresAddress(`postgres://ada@192.0.2.1/auth?sslmode=${mode}`)

  expect(tls).toMatchObject({ rejectUnauthorized })
  expect(tls && 'checkServerIdentity' in tls).toBe(ignoresName)
})

test('readPostgresAddress() says where a password would cross the network in clear', () => {
  expect(readPostgresAddress('postgres://ada@192.0.2.1/auth?sslmode=disable')).toMatchObject({
    tls: false,
    isExposed: true,
  })
})

test.each([
  ['require', 'db.example.com', true],
  ['require', 'localhost', false],
  ['verify-ca', 'db.example.com', false],
  ['verify-full', 'db.example.com', false],
  ['disable', 'db.example.com', false],
])('readPostgresAddress() with sslmode=%s to %s says whether the server is taken at its word', (mode, host, is) => {
  expect(readPostgresAddress(`postgres://ada@${host}/auth?sslmode=${mode}`).isUnverified).toBe(is)
})

test('readPostgresAddress() reads the certificates of sslrootcert', () => {
  const path = join(temporaryFolder(), 'root.pem')
  writeFileSync(path, 'certificates')

  expect(readPostgresAddress(`postgres://ada@db.example.com/auth?sslrootcert=${path}`).tls).toMatchObject({
    ca: 'certificates',
  })
})

test.each([
  ['sslmode=prefer', 'sslmode must be disable, require, verify-ca or verify-full: it is "prefer"'],
  ['sslmode=allow', 'sslmode must be disable, require, verify-ca or verify-full: it is "allow"'],
  ['sslrootcert=/nowhere.pem', 'sslrootcert cannot be read: ENOENT'],
  ['sslmod=disable', 'it has sslmod, of which only host, sslmode, sslrootcert, options are known'],
])('readPostgresAddress() refuses %s, and says so without the password', (parameter, reason) => {
  const read = () => readPostgresAddress(`postgres://ada:very-secret@db.example.com/auth?${parameter}`)

  expect(read).toThrow(`Cannot use DATABASE_URL "postgres://ada@db.example.com/auth": ${reason}`)
  expect(read).not.toThrow(/very-secret/)
})
