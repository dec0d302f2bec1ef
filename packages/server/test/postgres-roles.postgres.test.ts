import { readFileSync } from 'node:fs'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../src/testing/test-database.ts'
import { ada } from '../src/testing/test-house.ts'
import { run, serve } from './processes.ts'

const script = readFileSync(new URL('../../../deploy/postgres-roles.sql', import.meta.url), 'utf8')
const credentials = { email: ada.email, password: ada.password }

/** A database on which the shipped script was run, its roles renamed to be this test's own. */
async function databaseWithRoles() {
  const prefix = `${inject('postgres').schemas}_roles`
  const admin = new pg.Client({ connectionString: inject('postgres').url })
  await admin.connect()
  await admin.query(`create database ${prefix}`)
  const url = new URL(inject('postgres').url)
  url.pathname = `/${prefix}`
  const inside = new pg.Client({ connectionString: url.href })
  await inside.connect()
  onTestFinished(async () => {
    await inside.end()
    await admin.query(`drop database ${prefix} with (force)`)
    await admin.query(`drop role ${prefix}_owner, ${prefix}_server`)
    await admin.end()
  })
  await inside.query(script.replaceAll('latchkey_', `${prefix}_`))

  function urlOf(role: 'owner' | 'server'): string {
    const named = new URL(url)
    named.username = `${prefix}_${role}`
    named.password = `password-of-the-${role}`
    return named.href
  }
  for (const role of ['owner', 'server'])
    await inside.query(`alter role ${prefix}_${role} password 'password-of-the-${role}'`)
  return { owner: urlOf('owner'), server: urlOf('server') }
}

test('[ASVS 13.2.2] a server whose role can change no table does all of its work', async () => {
  const urls = await databaseWithRoles()
  const folder = temporaryFolder()
  const settings = { DATABASE_URL: urls.server, MASTER_KEY: Buffer.alloc(32, 'test').toString('base64') }

  const early = await run(['serve'], { folder, settings })
  const migrated = await run(['migrate'], { folder, settings: { ...settings, DATABASE_URL: urls.owner } })
  const server = await serve({ folder, settings })
  const signup = await server.request('/api/auth/signup', { body: credentials })
  const login = await server.request('/api/auth/login', { body: credentials })
  const { token } = login.json()
  const refresh = await server.request('/api/auth/refresh', { body: { refresh_token: login.json().refresh_token } })
  const change = await server.request('/api/auth/password', {
    token,
    body: { current_password: credentials.password, new_password: 'Another-Secret-5' },
  })
  const sessions = await server.request('/api/auth/sessions', { token })
  const events = await server.request('/api/auth/events', { token })
  const logout = await server.request('/api/auth/logout', { token, body: {} })
  const lists = await server.request('/.well-known/status-lists')
  const rotated = await run(['keys', 'rotate'], { folder, settings })
  const disabled = await run(['users', 'disable', credentials.email], { folder, settings })
  const client = new pg.Client({ connectionString: urls.server })
  await client.connect()
  onTestFinished(() => client.end())
  const refused: string[] = []
  for (const statement of [
    'drop table users',
    'alter table users add spy text',
    'truncate users',
    'create table spy ()',
  ])
    await client.query(statement).catch(({ code }) => refused.push(code))

  expect(early.code).toBe(1)
  expect(early.stderr).toMatch(/^[^\n]*permission denied[^\n]*\n$/)
  expect(migrated).toMatchObject({ code: 0, stderr: '' })
  expect([signup, login, refresh, change, sessions, events, logout, lists].map(({ status }) => status)).toEqual([
    201, 200, 200, 200, 200, 200, 200, 200,
  ])
  expect([rotated.code, disabled.code]).toEqual([0, 0])
  expect(refused).toEqual(['42501', '42501', '42501', '42501'])
})
