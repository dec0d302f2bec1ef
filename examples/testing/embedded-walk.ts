import { afterAll, beforeAll, expect, test } from 'vitest'
import { askTokens, isListening, newCredentials, send, sendHalf, type Tokens } from './client.ts'
import { type Program, startProgram, temporaryFolder } from './program.ts'

/** What an app that embeds the server promises, whatever framework it stands on. */
export function embeddedWalk(file: string): void {
  const folder = temporaryFolder()
  const emptyFolder = temporaryFolder()
  let app: Program

  beforeAll(async () => {
    app = await start(folder)
  })

  afterAll(() => app?.end('SIGKILL'))

  const start = (folder: string) => startProgram({ file, folder, environment: { PORT: '0' } })

  const credentials = newCredentials()
  const signUp = () => askTokens(`${app.url}/api/auth/signup`, newCredentials())
  const greet = ({ user_id }: Pick<Tokens, 'user_id'>, token?: string) =>
    send(`${app.url}/api/${user_id}/greeting`, token === undefined ? {} : { token })

  test("the app's protected route answers whoever signed up, and logged in, under one's own path", async () => {
    const signedUp = await askTokens(`${app.url}/api/auth/signup`, credentials)
    const loggedIn = await askTokens(`${app.url}/api/auth/login`, credentials)

    const answers = [await greet(signedUp, signedUp.token), await greet(loggedIn, loggedIn.token)]

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(answers[1]?.body).toEqual({ greeting: `Hello, ${credentials.email}` })
  })

  test("the app's protected route refuses whoever has no token, and another user", async () => {
    const [owner, stranger] = [await signUp(), await signUp()]

    const answers = [await greet(owner), await greet(owner, stranger.token)]

    expect(answers).toMatchObject([
      { status: 401, body: { error: { code: 'AUTH_MISSING' } } },
      { status: 403, body: { error: { code: 'AUTH_FORBIDDEN' } } },
    ])
  })

  test("the app's protected route refuses a token in the very request after its logout", async () => {
    const user = await signUp()
    const before = await greet(user, user.token)
    const logout = await send(`${app.url}/api/auth/logout`, { method: 'POST', token: user.token })

    const after = await greet(user, user.token)

    expect([before.status, logout.status]).toEqual([200, 200])
    expect(after).toMatchObject({ status: 401, body: { error: { code: 'AUTH_REVOKED' } } })
  })

  test.each(['/healthz', '/readyz', '/openapi.json', '/.well-known/jwks.json'])('the app answers %s', async (path) => {
    expect((await send(`${app.url}${path}`)).status).toBe(200)
  })

  test.each(['/', '/docs', '/docs/docs.js'])('the app answers %s with a page or a script', async (path) => {
    expect((await fetch(`${app.url}${path}`)).status).toBe(200)
  })

  test('SIGTERM ends the app with 0, also while a verifier elsewhere follows its revocations', async () => {
    const ending = await start(emptyFolder)
    const stream = await fetch(`${ending.url}/api/auth/revocations`)

    const exitCode = await ending.end('SIGTERM')

    expect(stream.status).toBe(200)
    expect(exitCode).toBe(0)
    await expect(stream.text()).resolves.toContain('event: current')
  })

  test('SIGTERM, also twice, ends the app with 0 within seconds, also while a client never ends its request', async () => {
    const ending = await start(emptyFolder)
    const stream = await fetch(`${ending.url}/api/auth/revocations`)
    await using _ = await sendHalf(ending.url)
    const startedAt = performance.now()

    const exitCode = ending.end('SIGTERM')
    await expect.poll(() => isListening(ending.url)).toBe(false)
    const again = ending.end('SIGTERM')

    expect([await exitCode, await again]).toEqual([0, 0])
    expect(performance.now() - startedAt).toBeLessThan(4000)
    await expect(stream.text()).resolves.toContain('event: current')
  })
}
