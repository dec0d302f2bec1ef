import { expect, onTestFinished, test } from 'vitest'
import { createLatchkey } from './index.ts'

test('createLatchkey() shows no metrics unless they are asked for by name, since it cannot know who may ask', async () => {
  const latchkey = createLatchkey({ databaseUrl: 'sqlite::memory:', logLevel: 'silent' })
  onTestFinished(latchkey.close)
  await latchkey.migrate()

  const { status } = await latchkey.fetch(new Request('http://localhost:8000/metrics'))

  expect(status).toBe(404)
})
