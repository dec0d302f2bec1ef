import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { codeBlocks, readPage } from './markdown.ts'
import { freePort, runShell, startProgram, startServer } from './started-server.ts'

const quickstart = readPage('docs/quickstart.md')
const programs = codeBlocks(quickstart, 'ts')
const programWith = (text: string) => programs.find((code) => code.includes(text)) ?? ''

test('the shell lines of the quickstart do what the text around them says', async () => {
  const { url } = await startServer()
  const lines = codeBlocks(quickstart, 'sh').join('\n').replaceAll('http://localhost:8000', url)

  const output = await runShell(lines)

  expect(output.match(/"message":"Logged out successfully"/g)).toHaveLength(2)
  expect(output).toContain('"event_type":"refresh"')
  expect(output).toContain('"event_type":"login"')
  expect(output).toContain('"code":"AUTH_REVOKED"')
  expect(output).toContain('"alg":"ES256"')
  expect(output).toContain('event: revoked')
  expect(output).toContain('latchkey_password_hashes_pending 0')
  expect(output).toContain('"openapi":"3.1.0"')
})

test('the quickstart has a curl line for every endpoint of the contract', () => {
  const { paths } = parse(readPage('contracts/auth.yaml')) as { paths: Record<string, object> }
  const lines = codeBlocks(quickstart, 'sh')
    .join('\n')
    .split('\n')
    .filter((line) => line.includes('curl '))

  const missing = Object.keys(paths).filter((path) => !lines.some((line) => line.includes(`$URL${path}`)))

  expect(missing).toEqual([])
})

test.each(['hono', 'express', 'fastify'])(
  'the %s API of the quickstart opens to its owner alone',
  async (framework) => {
    const { url } = await startServer()
    const port = await freePort()
    const code = programWith(`@latchkey/verify/${framework}`)
    await startProgram(code.replace('http://localhost:8000', url).replace('3000', String(port)), port)
    const { user_id, token } = await signUp(url)
    const ask = (path: string, headers: Record<string, string>) => fetch(`http://localhost:${port}${path}`, { headers })

    const own = await ask(`/api/${user_id}/notes`, { authorization: `Bearer ${token}` })
    const another = await ask(`/api/${crypto.randomUUID()}/notes`, { authorization: `Bearer ${token}` })
    const nameless = await ask(`/api/${user_id}/notes`, {})

    expect(await own.json()).toEqual({ owner: user_id, notes: [] })
    expect([own.status, another.status, nameless.status]).toEqual([200, 403, 401])
  },
)

async function signUp(url: string): Promise<{ user_id: string; token: string }> {
  const response = await fetch(`${url}/api/auth/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'SecurePass123' }),
  })
  return response.json() as Promise<{ user_id: string; token: string }>
}
