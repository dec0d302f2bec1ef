import { expect, test } from 'vitest'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { codeBlocks, readPage } from './markdown.ts'
import { runShell, startProgram, startServer } from './started-server.ts'

const readme = readPage('README.md')

test('the curl lines of the README sign up, read the profile, log out and are refused', async () => {
  const { url } = await startServer()
  const [lines = ''] = codeBlocks(readme, 'sh')

  const output = await runShell(lines.replaceAll('http://localhost:8000', url))

  const [signup, profile, logout, refused] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(signup).toMatchObject({ email: 'ada@example.com', token_type: 'Bearer', expires_in: 86_400 })
  expect(profile).toMatchObject({ user_id: signup.user_id, email: 'ada@example.com' })
  expect(logout).toEqual({ message: 'Logged out successfully' })
  expect(refused).toMatchObject({ error: { code: 'AUTH_REVOKED' } })
})

test('the curl lines of the README work again where the account is there already', async () => {
  const { url } = await startServer()
  const [lines = ''] = codeBlocks(readme, 'sh')
  const pasted = lines.replaceAll('http://localhost:8000', url)
  await runShell(pasted)

  const output = await runShell(pasted)

  const [signup, profile] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(signup).toMatchObject({ error: { code: 'CONFLICT_EMAIL' } })
  expect(profile).toMatchObject({ email: 'ada@example.com' })
})

test('the API of the README opens to its owner, and to nobody else', async () => {
  const { url } = await startServer()
  const port = await freePort()
  const [code = ''] = codeBlocks(readme, 'ts')
  await startProgram(code.replace('http://localhost:8000', url).replace('3000', String(port)), port)
  const ada = await signUp(url, 'ada@example.com')
  const bob = await signUp(url, 'bob@example.com')
  const askNotes = (path: string, headers: Record<string, string>) =>
    fetch(`http://localhost:${port}/api/${path}/notes`, { headers })

  const own = await askNotes(ada.user_id, { authorization: `Bearer ${ada.token}` })
  const another = await askNotes(bob.user_id, { authorization: `Bearer ${ada.token}` })
  const nameless = await askNotes(ada.user_id, {})

  expect(await own.json()).toEqual({ owner: ada.user_id, notes: [] })
  expect([own.status, another.status, nameless.status]).toEqual([200, 403, 401])
})

async function signUp(url: string, email: string): Promise<{ user_id: string; token: string }> {
  const response = await fetch(`${url}/api/auth/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: 'SecurePass123' }),
  })
  return response.json() as Promise<{ user_id: string; token: string }>
}
