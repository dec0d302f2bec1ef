import { createHash } from 'node:crypto'
import { createVerifier } from '@latchkey/verify'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../src/testing/free-port.ts'
import { databaseOf, lookInto, temporaryFolder } from '../src/testing/test-database.ts'
import { ada } from '../src/testing/test-house.ts'
import { serve } from './processes.ts'

const credentials = { email: ada.email, password: ada.password }
const unlimited = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_SIGNUP: 'off', RATE_LIMIT_ACCOUNT: 'off' }
const masterKey = Buffer.alloc(32, 'test').toString('base64')

/** Two server processes on one database, and a backend that verifies by the second. */
async function twoNodes() {
  const folder = temporaryFolder()
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const settings = { PUBLIC_URL: issuer, MASTER_KEY: masterKey, ...unlimited }
  const [here, there] = await Promise.all([
    serve({ folder, settings }),
    serve({ folder, settings: { ...settings, PORT: String(port) } }),
  ])
  const verifier = createVerifier({ issuer })
  onTestFinished(verifier.close)
  await here.request('/api/auth/signup', { body: credentials })

  return { here, there, database: lookInto(databaseOf(folder)), verifier, listening: listeningTo(databaseOf(folder)) }
}

type Nodes = Awaited<ReturnType<typeof twoNodes>>

/** The connections on which nodes of this database listen. */
function listeningTo(url: string): string {
  const schema = new URL(url).searchParams.get('options')?.split('=')[1] ?? ''
  const channel = `latchkey_${createHash('md5').update(schema).digest('hex')}`
  return `from pg_stat_activity where query = 'listen "${channel}"'`
}

/** Milliseconds from the answer to a logout at one node to the refusal by who follows the other. */
async function logoutDelay({ here, verifier }: Nodes): Promise<number> {
  const login = await here.request('/api/auth/login', { body: credentials })
  const { token } = login.json()
  await verifier.verify(token)
  const logout = await here.request('/api/auth/logout', { body: {}, token })
  const answeredAt = performance.now()
  expect([login.status, logout.status]).toEqual([200, 200])
  await expect
    .poll(() => verifier.verify(token).catch(({ code }) => code), { interval: 2, timeout: 10_000 })
    .toBe('AUTH_REVOKED')
  return performance.now() - answeredAt
}

async function logoutDelays(nodes: Nodes, count: number): Promise<number[]> {
  const delays: number[] = []
  for (let round = 0; round < count; round++) delays.push(await logoutDelay(nodes))
  return delays.toSorted((one, other) => one - other)
}

test('a logout at one node is refused within 100 ms by who follows another, also once their connections were cut', {
  timeout: 60_000,
}, async () => {
  const nodes = await twoNodes()
  const countListening = () =>
    nodes.database.rows<{ count: number }>(`select count(*)::int as count ${nodes.listening}`)[0]?.count
  await expect.poll(countListening, { timeout: 10_000 }).toBe(2)

  const told = await logoutDelays(nodes, 5)
  nodes.database.rows(`select pg_terminate_backend(pid) ${nodes.listening}`)
  const cut = await logoutDelays(nodes, 3)
  await expect.poll(countListening, { timeout: 10_000 }).toBe(2)

  // The middle: the machine that runs the tests may stumble.
  expect(told[2]).toBeLessThan(100)
  expect(cut[1]).toBeLessThan(200)
})
