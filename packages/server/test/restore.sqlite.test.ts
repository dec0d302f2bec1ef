import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { expect, test, vi } from 'vitest'
import { createLatchkey } from '../src/index.ts'
import { lookInto } from '../src/testing/test-database.ts'
import { byEvent } from './network.ts'
import { run } from './processes.ts'
import { becomes, outcomeOf, survivingServer, verifierOf } from './surviving.ts'

/** Each test starts a server three or four times, which takes its time on a machine that does much else. */
type Server = Awaited<ReturnType<typeof survivingServer>>
type Status = { status_list: { uri: string; idx: number } }

const fileOf = ({ databaseUrl }: Server) => databaseUrl.replace('sqlite:', '')

const backUp = async ({ surroundings }: Server) =>
  expect(await run(['backup', 'copy.db'], surroundings)).toMatchObject({ code: 0 })

/** Puts the copy where the database was, and starts on it, as docs/operations.md says. */
async function restore(server: Server): Promise<void> {
  await server.kill()
  for (const companion of ['-wal', '-shm']) rmSync(fileOf(server) + companion, { force: true })
  copyFileSync(join(server.surroundings.folder, 'copy.db'), fileOf(server))
  await server.restart()
  server.connect()
}

const placeOf = (token: string) => (decodeJwt(token)['status'] as Status).status_list
const numberOfList = (token: string) => Number(placeOf(token).uri.split('/').at(-1))

test('a verifier that lived through a restore catches up by itself, and takes new sessions for none of before', async () => {
  const server = await survivingServer()
  server.connect()
  const verifier = verifierOf(server.url)
  const before = await server.logIn()
  await backUp(server)
  const since = await Promise.all(Array.from({ length: 3 }, server.logIn))
  for (const token of since) await server.logOut(token)
  await becomes(verifier, since.at(-1) ?? '', 'AUTH_REVOKED')
  const known = Number(verifier.status().revocations?.cursor)

  await restore(server)
  const anew = await Promise.all(Array.from({ length: 3 }, server.logIn))

  await becomes(verifier, anew[0] ?? '', 'accepted')
  const outcomes = await Promise.all(anew.map((token) => outcomeOf(verifier, token)))
  expect(new Set(outcomes)).toEqual(new Set(['accepted']))
  await becomes(verifier, before, 'AUTH_REVOKED')
  expect(verifier.status().revocations).toMatchObject({ state: 'fresh' })
  await expect.poll(() => Number(verifier.status().revocations?.cursor)).toBeGreaterThan(known)
  await server.logOut(anew[1] ?? '')
  await becomes(verifier, anew[1] ?? '', 'AUTH_REVOKED')
})

test('a verifier without the stream catches up after a restore too', async () => {
  const server = await survivingServer()
  server.network.suffer({ stream: () => byEvent(() => {}) })
  server.connect()
  const verifier = verifierOf(server.url)
  await backUp(server)
  const since = await server.logIn()
  await server.logOut(since)
  await becomes(verifier, since, 'AUTH_REVOKED')

  await restore(server)
  const anew = await server.logIn()

  await becomes(verifier, anew, 'accepted')
  await server.logOut(anew)
  await becomes(verifier, anew, 'AUTH_REVOKED')
})

test('after a restore nobody honours a token of before, revoked or not, whether the backup knew it or not', async () => {
  const server = await survivingServer()
  const before = await server.logIn()
  await backUp(server)
  const [since, loggedOut] = [await server.logIn(), await server.logIn()]
  await server.logOut(loggedOut)

  await restore(server)

  const verifier = verifierOf(server.url)
  await verifier.ready()
  for (const token of [before, since, loggedOut]) {
    expect(await outcomeOf(verifier, token)).toBe('AUTH_REVOKED')
    expect((await server.request('/api/auth/me', { token })).json()).toMatchObject({ error: { code: 'AUTH_REVOKED' } })
  }
  // Behind it those of the tokens refused above may stand by now.
  const last = lookInto(server.databaseUrl)
    .events()
    .filter(({ event_type }) => event_type !== 'token_refused')
    .at(-1)
  expect(last).toMatchObject({ event_type: 'database_restored', ip_address: 'local' })
  expect(await outcomeOf(verifier, await server.logIn())).toBe('accepted')
})

test('one backup that is restored twice gives no place a second time', async () => {
  const server = await survivingServer()
  await backUp(server)
  const first = await server.logIn()
  await restore(server)
  const second = await server.logIn()
  await vi.waitFor(() => expect(Math.floor(Date.now() / 1000)).toBeGreaterThan(numberOfList(second)), 2_000)

  await restore(server)
  const third = await server.logIn()

  expect(numberOfList(second)).toBeGreaterThan(numberOfList(first))
  expect(numberOfList(third)).toBeGreaterThan(numberOfList(second))
})

test('a server that starts on a restored database again keeps its sessions', async () => {
  const server = await survivingServer()
  await backUp(server)
  await restore(server)
  const token = await server.logIn()

  await server.kill()
  await server.restart()

  expect((await server.request('/api/auth/me', { token })).status).toBe(200)
})

test('a program that embeds the server begins anew on a backup too', async () => {
  const server = await survivingServer()
  const token = await server.logIn()
  await backUp(server)
  const copy = join(server.surroundings.folder, 'data/copy.db')
  copyFileSync(join(server.surroundings.folder, 'copy.db'), copy)
  const embedded = createLatchkey({ databaseUrl: `sqlite:${copy}`, publicUrl: server.url, logLevel: 'error' })

  await embedded.migrate()

  const verification = embedded.verifier.verify(token)
  await expect(verification).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
  await embedded.close()
})
