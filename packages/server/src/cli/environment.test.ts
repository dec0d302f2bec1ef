import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../test/database-file.ts'
import { readConfig } from './environment.ts'

const secret = 'a shared secret of 32 bytes, or more'

function inFolderWith(dotEnv: string): void {
  const before = process.cwd()
  const folder = temporaryFolder()
  writeFileSync(join(folder, '.env'), dotEnv)
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
}

test('readConfig() prefers the environment to .env', () => {
  inFolderWith('PORT=9001\nLOG_LEVEL=warn\n')

  const config = readConfig({ PORT: '9002' })

  expect(config).toMatchObject({ PORT: 9002, LOG_LEVEL: 'warn' })
})

test('readConfig() lets an empty variable hide nothing that .env says', () => {
  inFolderWith(`JWT_SECRET=${secret}\n`)

  const config = readConfig({ JWT_SECRET: '' })

  expect(config.JWT_SECRET).toBe(secret)
})

test('readConfig() reads the first line of a .env that begins with a byte order mark', () => {
  inFolderWith(`\ufeffJWT_SECRET=${secret}\n`)

  const config = readConfig({})

  expect(config.JWT_SECRET).toBe(secret)
})
