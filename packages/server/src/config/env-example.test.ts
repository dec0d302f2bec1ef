import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { envExample } from './env-example.ts'
import { loadConfig } from './load-config.ts'
import { settings } from './settings.ts'

test('envExample() names every variable that the server reads, in order', () => {
  const example = envExample()

  expect(example.match(/^[A-Z_]+(?==)/gm)).toEqual(Object.keys(settings))
})

test('envExample() starts a server as no variable at all would', () => {
  const example = parseEnv(envExample())

  expect(loadConfig(example)).toEqual(loadConfig({}))
})

test('envExample() holds no secret that could be used as it stands [ASVS 13.2.3]', () => {
  const example = parseEnv(envExample())

  expect(example['JWT_SECRET']).toBe('')
  expect(example['MASTER_KEY']).toBe('')
})
