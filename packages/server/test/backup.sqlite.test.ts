import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lookInto, temporaryFolder } from '../src/testing/test-database.ts'
import { ada, testHouse } from '../src/testing/test-house.ts'
import { run, serve } from './processes.ts'

const password = 'SecurePass123'
const settings = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_SIGNUP: 'off', PUBLIC_URL: 'http://localhost:8000' }

type Server = Awaited<ReturnType<typeof serve>>
type Account = { email: string; token: string; isLoggedOut: boolean }

/** Signs up and logs out every other account, again and again, until told to end. */
function load({ request }: Server) {
  const acknowledged: Account[] = []
  let isOn = true
  const work = async (name: string) => {
    for (let at = 0; isOn; at += 1) {
      const email = `${name}${at}@example.com`
      const { token } = (await request('/api/auth/signup', { body: { email, password } })).json()
      if (at % 2 === 1) expect((await request('/api/auth/logout', { body: {}, token })).status).toBe(200)
      acknowledged.push({ email, token, isLoggedOut: at % 2 === 1 })
    }
  }
  const working = Promise.all(['one', 'two', 'three'].map(work))
  return {
    acknowledged,
    end: () => {
      isOn = false
      return working
    },
  }
}

/** A folder with a migrated database that holds one account with a session. */
async function folderWithAda() {
  const folder = temporaryFolder()
  const path = join(folder, 'data/latchkey.db')
  const { auth, close } = await testHouse({ DATABASE_URL: `sqlite:${path}` })
  await auth.signUp(ada)
  await close()
  return { folder, path }
}

test('a server that starts on a backup, which was made under load, has all accounts that were acknowledged before', async () => {
  const folder = temporaryFolder()
  const server = await serve({ folder, settings })
  const { acknowledged, end } = load(server)
  await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(20)
  const before = [...acknowledged]
  const made = await run(['backup', 'copy.db'], { folder })
  const during = acknowledged.length - before.length
  await end()
  await server.stop()

  const restored = temporaryFolder()
  copyFileSync(join(folder, 'copy.db'), join(restored, 'latchkey.db'))
  copyFileSync(join(folder, 'data/master.key'), join(restored, 'master.key'))
  const second = await serve({ folder: restored, settings: { ...settings, DATABASE_URL: 'sqlite:latchkey.db' } })

  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(during).toBeGreaterThan(0)
  for (const { email, token } of before) {
    const me = await second.request('/api/auth/me', { token })
    const login = await second.request('/api/auth/login', { body: { email, password } })
    expect([me.status, login.status]).toEqual([401, 200])
  }
})

test('latchkey backup writes a whole database for its owner alone, without the master key, and says so', async () => {
  const { folder } = await folderWithAda()

  const { code, stdout } = await run(['backup', 'copy.db'], { folder })
  const asJson = await run(['backup', 'second.db', '--json'], { folder })

  const { size, mode } = statSync(join(folder, 'copy.db'))
  const copy = lookInto(`sqlite:${join(folder, 'copy.db')}`)
  expect(code).toBe(0)
  expect(stdout).toBe(`Wrote copy.db (${size} bytes)\nThe master key is not in it: keep it apart\n`)
  expect(JSON.parse(asJson.stdout)).toEqual({ wrote: 'second.db', bytes: size })
  expect((mode & 0o777).toString(8)).toBe('600')
  expect(copy.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(copy.rows('select email from users')).toEqual([{ email: ada.email }])
})

test('latchkey backup writes over no file: exit 1, and why', async () => {
  const { folder } = await folderWithAda()
  writeFileSync(join(folder, 'notes.txt'), 'Some notes')
  const before = readdirSync(folder)

  const { code, stdout, stderr } = await run(['backup', 'notes.txt'], { folder })

  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toBe('latchkey: Cannot back up to "notes.txt": there is such a file already\n')
  expect(readdirSync(folder)).toEqual(before)
  expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('Some notes')
})

test('latchkey check of a good database ends with 0, and says what is good, also while somebody writes', async () => {
  const { folder, path } = await folderWithAda()
  lookInto(`sqlite:${path}`).run('begin immediate')

  const { code, stdout } = await run(['check'], { folder })
  const asJson = await run(['check', '--json'], { folder })

  expect([code, asJson.code]).toEqual([0, 0])
  expect(stdout).toBe('Integrity     ok\nForeign keys  ok\nMigrations    ok\n')
  expect(JSON.parse(asJson.stdout)).toEqual({ integrity: [], foreign_keys: [], missing_migrations: [] })
})

test('latchkey check of a damaged database ends with 1, and says where and what to do', async () => {
  const { folder, path } = await folderWithAda()
  lookInto(`sqlite:${path}`).run(`pragma foreign_keys = off; delete from users`)

  const { code, stdout, stderr } = await run(['check'], { folder })

  expect(code).toBe(1)
  expect(stdout).toBe(
    `Integrity     ok
Foreign keys  sessions row 1 points to no row of users
              known_networks row 1 points to no row of users
Migrations    ok
`,
  )
  expect(stderr).toBe('latchkey: The database has rows that point to nothing: restore a backup\n')
})
