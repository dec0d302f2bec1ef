import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generatedFiles } from '../scripts/write-contract.ts'

const root = join(import.meta.dirname, '..')

test.each(Object.entries(generatedFiles()))('%s says what the code says', (path, text) => {
  const checkedIn = readFileSync(join(root, path), 'utf8')

  expect(checkedIn, 'run npm run contract').toBe(text)
})
