import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, existsSync, globSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { buildImage, canMakeRoots, copyContext, ignoredBy, readInstructions, startImage } from './dockerfile-steps.ts'
import { readPage, root } from './markdown.ts'

const dockerfile = readPage('Dockerfile')
const instructions = readInstructions(dockerfile)

const canBuild = canMakeRoots()
if (!canBuild)
  console.warn('The steps of the Dockerfile are not carried out: that needs unshare, and the right to mount')
/** The gate has installed it just now, from the same lockfile. DOCKERFILE=whole installs it again. */
const isWhole = process.env['DOCKERFILE'] === 'whole'
const standIns = isWhole ? {} : { 'npm ci --ignore-scripts': { from: join(root, 'node_modules'), at: 'node_modules' } }

test.skipIf(!canBuild)(
  'the Dockerfile builds an image that serves from a read-only tree, as nobody special',
  { timeout: isWhole ? 900_000 : 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-image-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    copyContext(root, join(folder, 'context'), readPage('.dockerignore'))
    const image = buildImage({ dockerfile, context: join(folder, 'context'), folder, standIns })
    const volume = join(folder, 'volume')
    cpSync(join(image.root, 'data'), volume, { recursive: true })
    chownSync(volume, statSync(join(image.root, 'data')).uid, statSync(join(image.root, 'data')).gid)
    chmodSync(volume, 0o700)
    const env = { PORT: String(await freePort()), PUBLIC_URL: 'http://localhost:8000' }
    const url = `http://127.0.0.1:${env.PORT}`

    const server = startImage(image, { words: [...image.entrypoint, ...image.command], volume, env })
    const ended = once(server, 'exit')
    onTestFinished(async () => {
      server.kill('SIGKILL')
      await ended
    })
    let said = ''
    server.stderr.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    await expect.poll(() => said, { timeout: 20_000 }).toContain('Latchkey listens')

    const ask = (path: string, headers: Record<string, string> = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ email: 'ada@example.com', password: 'SecurePass123' }),
      })
    const health = startImage(image, { words: image.health, volume, env })
    const [isHealthy] = await once(health, 'exit')
    const signup = await ask('/api/auth/signup')
    const { token } = (await signup.json()) as { token: string }
    const logout = await ask('/api/auth/logout', { authorization: `Bearer ${token}` })
    const touch = startImage(image, { words: ['touch', '/app/packages/server/dist/index.js'], volume, env })
    const [couldWrite] = await once(touch, 'exit')
    server.kill('SIGTERM')

    expect([signup.status, logout.status, isHealthy]).toEqual([201, 200, 0])
    expect(couldWrite).not.toBe(0)
    expect(await ended).toEqual([0, null])
    expect(statSync(join(volume, 'latchkey.db')).uid).toBe(1000)
    const installed = globSync('node_modules/{*,@*/*}', { cwd: join(image.root, 'app') })
    expect(installed).toContain('node_modules/hono')
    expect(installed.filter((path) => /vitest|typescript|biome|playwright|knip/.test(path))).toEqual([])
    expect(existsSync(join(image.root, 'app/packages/server/src'))).toBe(false)
  },
)

test('the Dockerfile names the Node that the repository is tried on, and ends as a user who is not root', () => {
  const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0])
  const broughtNode = /broughtNode = '(.*)'/.exec(readPage('run.mjs'))?.[1]

  expect(new Set(bases)).toEqual(new Set([`node:${broughtNode}-bookworm-slim`]))
  expect(instructions.filter(({ name }) => name === 'USER').map(({ rest }) => rest)).toEqual(['node'])
})

test('.dockerignore lets no setting, database, key, test or installed package into the build', () => {
  const isIgnored = ignoredBy(readPage('.dockerignore'))
  const kept = [
    '.env',
    'packages/server/.env',
    'data/latchkey.db',
    'data/master.key',
    'packages/server/data/master.key',
  ]
  const others = ['.git/config', 'node_modules/hono/package.json', 'packages/server/src/index.test.ts', 'docs/cli.md']

  expect([...kept, ...others].filter((path) => !isIgnored(path))).toEqual([])
  expect(isIgnored('packages/server/src/index.ts')).toBe(false)
})
