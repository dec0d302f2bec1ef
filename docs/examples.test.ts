import { expect, test } from 'vitest'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { codeBlocks, readPage } from './markdown.ts'
import { runShell, startProgram, startServer } from './started-server.ts'

test('the curl lines of the examples meet a protected API that opens, and closes at the logout', async () => {
  const { url } = await startServer()
  const port = String(await freePort())
  const program = readPage('examples/protect-hono/src/main.ts')
  await startProgram(program.replace('http://localhost:8000', url).replace('3000', port), Number(port))
  const [lines = ''] = codeBlocks(readPage('examples/README.md'), 'bash')

  const output = await runShell(
    lines.replaceAll('localhost:8000', url).replaceAll('localhost:3000', `localhost:${port}`),
  )

  const [notes, nameless, logout, revoked] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(notes).toMatchObject({ notes: [] })
  expect(nameless).toMatchObject({ error: { code: 'AUTH_MISSING' } })
  expect(logout).toEqual({ message: 'Logged out successfully' })
  expect(revoked).toMatchObject({ error: { code: 'AUTH_REVOKED' } })
})
