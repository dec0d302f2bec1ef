import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { codeBlocks, readPage } from './markdown.ts'
import { runShell, startProgram, startServer } from './started-server.ts'

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const quickstart = readPage('docs/quickstart.md')
const programs = codeBlocks(quickstart, 'ts')
const programWith = (text: string) => programs.find((code) => code.includes(text)) ?? ''

test('the shell lines of the quickstart do what the text around them says', async () => {
  const { url, environment } = await startServer()
  const lines = codeBlocks(quickstart, 'sh').join('\n').replaceAll('http://localhost:8000', url)

  const output = await runShell(lines, environment)

  expect(output.match(/"message":"Logged out successfully"/g)).toHaveLength(2)
  expect(output).toContain('"event_type":"refresh"')
  expect(output).toContain('"event_type":"login"')
  expect(output).toContain('"current":true')
  expect(output).toContain('"message":"Session ended"')
  expect(output).toContain('"message":"Password changed"')
  expect(output).toContain('"code":"AUTH_REVOKED"')
  expect(output).toContain('"alg":"ES256"')
  expect(output).toContain('200 application/statuslist+jwt')
  expect(output).toContain('event: revoked')
  expect(output).toContain(`"introspection_endpoint":"${url}/api/auth/introspect"`)
  expect(output).toMatch(/\{"active":true,.*"token_type":"Bearer"\}\n200\n\{"active":false\}\n/)
  expect(output).toContain('latchkey_password_hashes_pending 0')
  expect(output).toContain('"openapi":"3.1.0"')
})

test('the quickstart has a curl line for every endpoint of the contract', () => {
  const { paths } = parse(readPage('contracts/auth.yaml')) as { paths: Record<string, object> }
  const lines = codeBlocks(quickstart, 'sh')
    .join('\n')
    .split('\n')
    .filter((line) => line.includes('curl '))

  const asInShell = (path: string) =>
    path.replace('{list}', '0').replaceAll(/\{(\w+)\}/g, (_, name: string) => `$${name.toUpperCase()}`)
  const missing = Object.keys(paths).filter((path) => !lines.some((line) => line.includes(`$URL${asInShell(path)}`)))

  expect(missing).toEqual([])
})

test.each(['hono', 'express', 'fastify', 'fetch'])(
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

test('the embedding program of the quickstart signs people up', async () => {
  const port = await freePort()
  await startProgram(programWith("from 'latchkey'").replaceAll('3000', String(port)), port)

  const { token } = await signUp(`http://localhost:${port}`)

  expect(token.split('.')).toHaveLength(3)
})

test.skipIf(!existsSync(browserPath))(
  'the browser lines of the quickstart log in, read the profile and log out by cookies',
  async () => {
    const page = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<title>app</title>'),
    )
    await new Promise<void>((done) => page.listen(0, 'localhost', done))
    const origin = `http://localhost:${(page.address() as AddressInfo).port}`
    const { url } = await startServer({ CORS_ORIGINS: origin })
    await signUp(url)
    const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] })
    onTestFinished(async () => {
      await browser.close()
      page.close()
    })
    const tab = await browser.newPage()
    await tab.goto(origin)
    const [lines = ''] = codeBlocks(quickstart, 'js')
    const program = `(async () => {${lines.replace('http://localhost:8000', url)}
    return { email: (await profile.json()).email, after: (await fetch(api + '/me', { credentials: 'include' })).status }
  })()`

    const seen = await tab.evaluate(program)

    expect(seen).toEqual({ email: 'ada@example.com', after: 401 })
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
