import { beforeEach } from 'vitest'

// Vitest asks no test after the first that fails, but it would still load every file that is left, frameworks and all.
if (process.env['MUTANT_KILLED'] !== undefined) throw new Error('A test has failed: the mutant is killed')

beforeEach(({ onTestFailed }) => {
  onTestFailed(() => {
    process.env['MUTANT_KILLED'] = 'yes'
  })
})
