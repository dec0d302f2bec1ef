import { expect, test } from 'vitest'
import { isApiName } from './api-credential.ts'

test.each(['tasks', 'a', '0', 'tasks-api.v2_eu', '.', '-', 'a'.repeat(64)])('isApiName() is true of %j', (text) => {
  const isName = isApiName(text)

  expect(isName).toBe(true)
})

test.each(['', 'a'.repeat(65), 'Tasks', 'tasks api', 'tasks:api', 'tasks/api', 'täsks', 'tasks\n', 'tasks%2d', '*'])(
  'isApiName() is false of %j',
  (text) => {
    const isName = isApiName(text)

    expect(isName).toBe(false)
  },
)
