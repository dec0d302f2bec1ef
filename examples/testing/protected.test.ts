import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askTokens, newCredentials, send, type Tokens } from './client.ts'
import { type Program, startIssuer, startProgram, temporaryFolder } from './program.ts'

/** APIs that are given the issuer and nothing else, each on another framework. */
const apis = [
  { example: 'protect-hono', resource: 'notes', probe: '/readyz' },
  { example: 'protect-express', resource: 'notes', probe: '/readyz' },
  { example: 'protect-fastify', resource: 'notes', probe: '/readyz' },
  { example: 'protect-fetch', resource: 'notes', probe: '/readyz' },
  { example: 'tasks-api', resource: 'tasks', probe: '/healthz' },
] as const

/** The promise of the product. */
const logoutMilliseconds = 100
/** A machine that does five other things at once may take longer now and then, but not for ever. */
const patienceMilliseconds = 5_000

/** Without keys no token can be judged, and without revocations none is believed. */
const unavailable = /^(VERIFIER_UNAVAILABLE|REVOCATIONS_STALE)$/
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const folder = temporaryFolder()
let issuer: Program
let programs: Program[]
let early: { status: number; code: string; retryAfter: string | null; probe: number }[]

const nameOf = (url: string) => `http://localhost:${new URL(url).port}`
const signUp = () => askTokens(`${issuer.url}/api/auth/signup`, newCredentials())
const logOut = ({ token }: Tokens) => send(`${issuer.url}/api/auth/logout`, { method: 'POST', token })

/** Every API is started while the issuer is away, and lives through its coming. */
beforeAll(async () => {
  issuer = await startIssuer(folder)
  const user = await signUp()
  await issuer.end('SIGKILL')

  programs = await Promise.all(
    apis.map(({ example }) =>
      startProgram({
        file: `examples/${example}/src/main.ts`,
        folder,
        environment: { PORT: '0', ISSUER: nameOf(issuer.url) },
      }),
    ),
  )
  early = await Promise.all(
    apis.map(async ({ resource, probe }, at) => {
      const answer = await send(`${programs[at]?.url}/api/${user.user_id}/${resource}`, { token: user.token })
      const { status } = await send(`${programs[at]?.url}${probe}`)
      const retryAfter = answer.headers.get('retry-after')
      return { status: answer.status, code: answer.body.error.code, retryAfter, probe: status }
    }),
  )
  issuer = await startIssuer(folder, { PORT: new URL(issuer.url).port })
})

afterAll(() => Promise.all([issuer, ...(programs ?? [])].map((program) => program?.end('SIGKILL'))))

describe.each(apis.map((api, at) => ({ ...api, at })))(
  '$example, given the issuer alone,',
  ({ resource, probe, at }) => {
    const ask = ({ user_id }: Pick<Tokens, 'user_id'>, token?: string) =>
      send(`${programs[at]?.url}/api/${user_id}/${resource}`, token === undefined ? {} : { token })

    /** The milliseconds until the token is refused. */
    async function untilRefused(user: Tokens): Promise<number> {
      const from = performance.now()
      const options = { interval: 1, timeout: patienceMilliseconds }
      await expect.poll(async () => (await ask(user, user.token)).status, options).toBe(401)
      return performance.now() - from
    }

    test('answers 503 before the issuer is up, and needs no restart when it comes', async () => {
      const user = await signUp()

      const answered = expect.poll(async () => (await ask(user, user.token)).status, { timeout: 10_000 })

      await answered.toBe(200)
      const probed = await send(`${programs[at]?.url}${probe}`)
      expect(early[at]).toEqual({ status: 503, code: expect.stringMatching(unavailable), retryAfter: '1', probe: 503 })
      expect(probed).toMatchObject({ status: 200, body: { status: 'ok' } })
    })

    test('opens to its owner', async () => {
      const user = await signUp()

      const { status, body } = await ask(user, user.token)

      expect(status).toBe(200)
      expect(body).toMatchObject(resource === 'notes' ? { owner: user.user_id, notes: [] } : { data: [] })
    })

    test("refuses who has no token with 401, and another's path with 403, in the one shape of errors", async () => {
      const [owner, stranger] = [await signUp(), await signUp()]

      const nameless = await ask(owner)
      const another = await ask(owner, stranger.token)

      expect([nameless.status, another.status]).toEqual([401, 403])
      expect(nameless.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"')
      expect([nameless.body, another.body]).toEqual([
        problem('AUTH_MISSING', 'Authentication required'),
        problem('AUTH_FORBIDDEN', 'Access denied'),
      ])
      expect(nameless.headers.get('x-request-id')).toBe(nameless.body.meta.request_id)
    })

    test('refuses a token within 100 ms of the logout', async ({ annotate }) => {
      const users = [await signUp(), await signUp(), await signUp(), await signUp(), await signUp()]
      const times: number[] = []

      for (const user of users) {
        expect((await ask(user, user.token)).status).toBe(200)
        expect((await logOut(user)).status).toBe(200)
        times.push(await untilRefused(user))
      }

      const refused = await Promise.all(users.map((user) => ask(user, user.token)))
      await annotate(`refused after ${times.map((time) => time.toFixed(1)).join(', ')} ms`)
      expect(times.toSorted((one, other) => one - other)[2]).toBeLessThan(logoutMilliseconds)
      expect(refused.map(({ body }) => body)).toEqual(
        users.map(() => problem('AUTH_REVOKED', 'Invalid or expired token')),
      )
    })
  },
)

function problem(code: string, message: string) {
  return {
    error: { code, message, details: null },
    meta: { timestamp: expect.stringMatching(/^20.*Z$/), request_id: expect.stringMatching(uuid) },
  }
}
