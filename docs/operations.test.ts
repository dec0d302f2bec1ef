import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { type RequestOptions, request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { readPage, root } from './markdown.ts'
import { startServer } from './started-server.ts'

const has = (program: string, ...words: string[]) => spawnSync(program, words, { stdio: 'ignore' }).status === 0
const hasNginx = has('nginx', '-v') && has('openssl', 'version')
const hasSystemd = has('systemd-analyze', '--version')
if (!hasNginx) console.warn('deploy/nginx.conf is not tried: nginx or openssl is missing')
if (!hasSystemd) console.warn('deploy/latchkey.service is not checked by systemd: systemd-analyze is missing')

const ada = JSON.stringify({ email: 'ada@example.com', password: 'SecurePass123' })
const wrong = JSON.stringify({ email: 'ada@example.com', password: 'WrongPass123' })

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-operations-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** nginx with the configuration as it stands, but for ports and certificates, before a real server. */
async function startBehindNginx() {
  const folder = temporaryFolder()
  const [port, plainPort] = [await freePort(), await freePort()]
  const publicUrl = `https://auth.example.com:${port}`
  const server = await startServer({
    PUBLIC_URL: publicUrl,
    TRUSTED_PROXIES: '127.0.0.1',
    BCRYPT_COST: '4',
    NODE_ENV: 'test',
  })
  const [certificate, key] = [join(folder, 'fullchain.pem'), join(folder, 'privkey.pem')]
  const subject = ['-subj', '/CN=auth.example.com', '-addext', 'subjectAltName=DNS:auth.example.com']
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate]
  execFileSync('openssl', ['req', '-x509', '-days', '1', ...newKey, ...subject], { stdio: 'ignore' })
  const site = readPage('deploy/nginx.conf')
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace('listen 80', `listen 127.0.0.1:${plainPort}`)
    .replace('127.0.0.1:8000', `127.0.0.1:${new URL(server.url).port}`)
    .replaceAll('/etc/ssl/latchkey', folder)
  writeFileSync(join(folder, 'site.conf'), site)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const main = [
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    `daemon off; pid ${folder}/pid; error_log stderr; events {}`,
    `http { access_log off; ${temporary.join(' ')} include site.conf; }`,
  ]
  writeFileSync(join(folder, 'nginx.conf'), main.join('\n'))
  const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(async () => {
    nginx.kill('SIGTERM')
    await once(nginx, 'exit')
  })
  const authority = readFileSync(certificate)

  /** Answers when the headers are there. */
  function open(path: string, { body, headers = {}, ...options }: RequestOptions & { body?: string } = {}) {
    const content = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
    const asked = requestHttps(`https://127.0.0.1:${port}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      ca: authority,
      servername: 'auth.example.com',
      agent: false,
      ...options,
      headers: { host: `auth.example.com:${port}`, ...content, ...headers },
    })
    asked.end(body)
    return new Promise<IncomingMessage>((done, fail) => asked.on('response', done).on('error', fail))
  }

  async function ask(...parameters: Parameters<typeof open>) {
    const answer = await open(...parameters)
    const body = await text(answer)
    return { status: answer.statusCode, headers: answer.headers, body, json: () => JSON.parse(body) }
  }

  await expect
    .poll(
      () =>
        ask('/readyz').then(
          ({ status }) => status,
          () => undefined,
        ),
      { timeout: 10_000 },
    )
    .toBe(200)
  return { ask, open, plainPort, publicUrl }
}

test.skipIf(!hasNginx)(
  'deploy/nginx.conf: people log in through it, under their own address, and nobody under another',
  async () => {
    const { ask, publicUrl } = await startBehindNginx()
    const from = (localAddress: string) => ({
      localAddress,
      headers: { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' },
    })

    const signup = await ask('/api/auth/signup', { body: ada, ...from('127.0.0.5') })
    const authorization = `Bearer ${signup.json().token}`
    const events = await ask('/api/auth/events', { headers: { authorization } })
    const attempts: (number | undefined)[] = []
    for (let at = 0; at < 6; at += 1)
      attempts.push((await ask('/api/auth/login', { body: wrong, ...from('127.0.0.6') })).status)
    const other = await ask('/api/auth/login', { body: ada, ...from('127.0.0.7') })

    expect(signup.status).toBe(201)
    expect(String(signup.headers['set-cookie'])).toContain('__Host-')
    expect(JSON.parse(Buffer.from(signup.json().token.split('.')[1], 'base64url').toString()).iss).toBe(publicUrl)
    expect(events.json().data[0]).toMatchObject({ event_type: 'signup', ip_address: '127.0.0.5' })
    expect(attempts).toEqual([401, 401, 401, 401, 401, 429])
    expect(other.status).toBe(200)
  },
)

test.skipIf(!hasNginx)('deploy/nginx.conf: a logout is on the stream within 100 ms', { retry: 2 }, async () => {
  const { ask, open } = await startBehindNginx()
  const { token } = (await ask('/api/auth/signup', { body: ada })).json()
  const stream = await open('/api/auth/revocations', { headers: { 'accept-encoding': 'gzip' } })
  onTestFinished(() => void stream.destroy())
  let [heard, heardAt] = ['', Number.POSITIVE_INFINITY]
  stream.on('data', (piece) => {
    heard += piece
    if (heard.includes('event: revoked')) heardAt = Math.min(heardAt, performance.now())
  })
  stream.on('error', () => {})
  await expect.poll(() => heard).toContain('event: current')

  await ask('/api/auth/logout', { body: '{}', headers: { authorization: `Bearer ${token}` } })
  const answeredAt = performance.now()

  await expect.poll(() => heard).toContain('event: revoked')
  expect(heardAt - answeredAt).toBeLessThan(100)
})

test.skipIf(!hasNginx)(
  'deploy/nginx.conf: keeps metrics inside, sends plain HTTP to TLS, and leaves refusals to the server',
  async () => {
    const { ask, plainPort } = await startBehindNginx()

    const metrics = await ask('/metrics')
    const large = await ask('/api/auth/login', { body: JSON.stringify({ email: 'x'.repeat(20_000) }) })
    const plain = requestHttp({
      port: plainPort,
      host: '127.0.0.1',
      path: '/docs',
      headers: { host: 'auth.example.com' },
    }).end()
    const [redirect] = (await once(plain, 'response')) as [IncomingMessage]
    redirect.resume()

    expect(metrics.status).toBe(404)
    expect(large.json()).toMatchObject({ error: { code: 'PAYLOAD_TOO_LARGE' } })
    expect([redirect.statusCode, redirect.headers.location]).toEqual([308, 'https://auth.example.com/docs'])
  },
)

const unit = readPage('deploy/latchkey.service')
const valuesOf = (name: string) => [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)

test('deploy/latchkey.service starts a server by its line, and SIGTERM ends it with 0', async () => {
  const folder = temporaryFolder()
  const port = await freePort()
  const here = (words: string) =>
    words
      .replace('/usr/bin/node', process.execPath)
      .replace('/opt/latchkey/node_modules/latchkey', join(root, 'packages/server'))
      .replace('/var/lib/latchkey', folder)
      .replace(/^PORT=8000$/, `PORT=${port}`)
  const [program = '', ...words] = valuesOf('ExecStart').map(here).join().split(' ')
  const env = Object.fromEntries(valuesOf('Environment').map((pair) => here(pair).split('=')))
  const server = spawn(program, words, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void server.kill('SIGKILL'))
  let said = ''
  server.stderr.setEncoding('utf8').on('data', (piece) => {
    said += piece
  })
  await expect.poll(() => said, { timeout: 15_000 }).toContain('Latchkey listens')

  const { status } = await fetch(`http://127.0.0.1:${port}/readyz`)
  server.kill(valuesOf('KillSignal')[0] as NodeJS.Signals)

  expect(status).toBe(200)
  expect(said).toContain(`${folder}/latchkey.db (made now)`)
  expect(await once(server, 'exit')).toEqual([0, null])
})

test.skipIf(!hasSystemd)(
  'deploy/latchkey.service says nothing that systemd does not know, and leaves little exposed',
  () => {
    const folder = temporaryFolder()
    const file = join(folder, 'latchkey.service')
    // That the program is not installed here is no fault of the unit.
    writeFileSync(file, unit.replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath} serve`))

    const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    const rated = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', file], { encoding: 'utf8' })

    const faults = verified.stderr.split('\n').filter((line) => line.includes(file))
    const [, exposure = '10'] = /exposure level for latchkey\.service: ([\d.]+)/.exec(rated.stdout) ?? []
    expect([verified.error, faults]).toEqual([undefined, []])
    expect(Number(exposure)).toBeLessThan(2)
  },
)
