import { expect, test } from 'vitest'
import { readSettings } from './settings.ts'

test('readSettings() takes the defaults where nothing is set, and counts an empty variable as unset', () => {
  const settings = readSettings({ PORT: '', JWT_SECRET: '', JWT_AUDIENCE: '' })

  expect(settings).toEqual({
    host: '127.0.0.1',
    port: 8001,
    database: 'data/tasks.db',
    verifier: { issuer: 'http://localhost:8000' },
  })
})

test('readSettings() reads every variable', () => {
  const settings = readSettings({
    HOST: '0.0.0.0',
    PORT: '80',
    TASKS_DB: ':memory:',
    ISSUER: 'https://auth.example.com',
    JWT_SECRET: 'not a secret, but long enough for one',
    JWT_AUDIENCE: 'tasks',
  })

  expect(settings).toEqual({
    host: '0.0.0.0',
    port: 80,
    database: ':memory:',
    verifier: {
      issuer: 'https://auth.example.com',
      secret: 'not a secret, but long enough for one',
      audience: 'tasks',
    },
  })
})

test.each(['eighty', '65536', '-1', '80 '])('readSettings() refuses the port "%s"', (port) => {
  expect(() => readSettings({ PORT: port })).toThrow(`PORT must be a whole number from 0 to 65535: it is "${port}"`)
})
