import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { canMount, smallDisk } from './disk.ts'
import { run, serve } from './processes.ts'

const password = 'SecurePass123'
const settings = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_SIGNUP: 'off', PUBLIC_URL: 'http://localhost:8000' }

type Server = Awaited<ReturnType<typeof serve>>

/** Signs up until one is refused. Answers who was acknowledged, and the refusal. */
async function signUpUntilRefused({ request }: Server) {
  const acknowledged: string[] = []
  for (;;) {
    const email = `user${acknowledged.length}@example.com`
    const answer = await request('/api/auth/signup', { body: { email, password } })
    if (answer.status !== 201) return { acknowledged, refusal: answer }
    acknowledged.push(email)
  }
}

describe.skipIf(!canMount())('on a disk of its own, which takes the right to mount one', () => {
  test('a full disk is answered with 503 where something is written, tokens are verified, nothing is lost, and room ends it', async () => {
    const disk = smallDisk(4)
    const server = await serve({ folder: disk.folder, settings })
    const signup = await server.request('/api/auth/signup', { body: { email: 'ada@example.com', password } })
    const { token } = signup.json()
    const me = () => server.request('/api/auth/me', { token })
    const logOut = () => server.request('/api/auth/logout', { body: {}, token })
    disk.fill()

    const { acknowledged, refusal } = await signUpUntilRefused(server)
    const refusedLogout = await logOut()
    const seen = await me()
    disk.makeRoom()
    const logout = await logOut()

    expect([refusal.status, refusedLogout.status, seen.status, logout.status]).toEqual([503, 503, 200, 200])
    expect(refusal.json().error.code).toBe('UNAVAILABLE')
    expect(refusal.headers.get('retry-after')).toBe('1')
    expect((await me()).json().error.code).toBe('AUTH_REVOKED')
    for (const email of acknowledged) {
      expect((await server.request('/api/auth/login', { body: { email, password } })).status).toBe(200)
    }
    expect(await server.stop()).toMatchObject({ code: 0 })
  })

  test('a server does not start on a full disk: one line, exit 1', async () => {
    const disk = smallDisk(1)
    disk.fill()

    const { code, stdout, stderr } = await run(['serve'], { folder: disk.folder })

    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^latchkey: Cannot .*(ENOSPC|disk is full).*\n$/)
  })

  test('a server does not start on a disk that can only be read: one line, exit 1, and the file as it was', async () => {
    const disk = smallDisk(4)
    await run(['migrate'], { folder: disk.folder })
    disk.makeReadOnly()
    const before = readFileSync(join(disk.folder, 'data/latchkey.db'))

    const { code, stdout, stderr } = await run(['serve'], { folder: disk.folder })

    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^latchkey: Cannot open DATABASE_URL "sqlite:data\/latchkey.db": .*read-only.*\n$/)
    expect(readFileSync(join(disk.folder, 'data/latchkey.db'))).toEqual(before)
  })
})
