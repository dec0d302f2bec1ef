import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { withApi } from '../src/testing/api-house.ts'
import { engine, lookInto } from '../src/testing/test-database.ts'
import { ada, bob } from '../src/testing/test-house.ts'
import { fileHouse } from './database-file.ts'

/** A house where everything that is secret or personal was stored once, with what it was before. */
async function usedHouse() {
  const house = await withApi(
    await fileHouse({ LOG_LEVEL: 'debug', PASSWORD_PEPPER: Buffer.alloc(32, 7).toString('base64') }),
  )
  const { request, tokens, credential, introspect } = house
  const refreshed = await request('/api/auth/refresh', { body: { refresh_token: tokens.refreshToken } })
  const { token, refresh_token: successor } = refreshed.json()
  await request('/api/auth/login', { body: { email: ada.email, password: bob.password } })
  await request('/api/auth/password', {
    body: { current_password: ada.password, new_password: 'EvenBetter456' },
    token,
  })
  await introspect(token)
  const secrets = [ada.password, bob.password, 'EvenBetter456', tokens.refreshToken, successor, credential]
  return { ...house, token, secrets }
}

/** On SQLite the files, with what was deleted and is still in them. */
function everythingIn(databaseUrl: string): Buffer {
  if (engine === 'sqlite') {
    const files = globSync(`${databaseUrl.replace(/^sqlite:/, '')}*`)
    return Buffer.concat(files.map((file) => readFileSync(file)))
  }
  const { rows } = lookInto(databaseUrl)
  const tables = rows<{ name: string }>('select tablename as name from pg_tables where schemaname = current_schema()')
  return Buffer.from(tables.map(({ name }) => JSON.stringify(rows(`select * from ${name}`))).join())
}

test('what is secret stands nowhere in the database as it is, in no spelling [ASVS 14.2.4]', async () => {
  const { databaseUrl, secrets, token } = await usedHouse()

  const stored = everythingIn(databaseUrl)

  const [, , signature = ''] = token.split('.')
  const spellings = [...secrets, signature, 'PRIVATE KEY', '$2b$'].flatMap((secret) => [
    Buffer.from(secret),
    Buffer.from(secret.replace(/^lk\w_/, ''), 'base64url'),
    Buffer.from(Buffer.from(secret).toString('base64').replaceAll('=', '')),
    Buffer.from(Buffer.from(secret).toString('hex')),
  ])
  const found = spellings.filter((spelling) => spelling.length > 3 && stored.includes(spelling))
  expect(stored.includes(ada.email)).toBe(true)
  expect(found).toEqual([])
})

test('no secret is logged in any part, and no email [ASVS 14.2.4]', async () => {
  const { lines, secrets, token } = await usedHouse()

  const written = JSON.stringify(lines)

  const parts = [...secrets, ...token.split('.').slice(1), ada.email].flatMap((one) => [one, one.slice(-20)])
  expect(lines.length).toBeGreaterThan(3)
  expect(parts.filter((part) => written.includes(part))).toEqual([])
})

test('what is personal is shown to its user and to nobody else [ASVS 14.2.4]', async () => {
  const { request, auth, token } = await usedHouse()
  const { accessToken: another } = await auth.signUp(bob)
  const pages = ['/api/auth/me', '/api/auth/events', '/api/auth/sessions']
  const read = async (reader?: string) =>
    (await Promise.all(pages.map((page) => request(page, reader ? { token: reader } : {}))))
      .map(({ text }) => text)
      .join()

  const [own, others, nobodys] = [await read(token), await read(another), await read()]

  expect(own).toContain(ada.email)
  expect(own).toContain(ada.origin.address)
  for (const page of [others, nobodys]) {
    expect(page).not.toContain(ada.email)
    expect(page).not.toContain(ada.origin.address)
  }
})
