import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { emptyDatabase, openTestDatabase, temporaryFolder } from '../src/testing/test-database.ts'
import { serve } from './processes.ts'

const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0
if (!hasOpenssl) console.warn('TLS to Postgres is not tried: openssl is missing')

/** An address of this machine that counts as another's. */
const elsewhere = '0.0.0.0'

/** A Postgres that speaks TLS, under a certificate for `elsewhere` that signs itself. */
async function postgresBehindTls() {
  const plain = new URL(emptyDatabase())
  const folder = temporaryFolder()
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
  const subject = ['-subj', '/CN=latchkey', '-addext', `subjectAltName=IP:${elsewhere}`]
  execFileSync('openssl', ['req', '-x509', '-days', '1', ...newKey, '-out', certificate, ...subject], {
    stdio: 'ignore',
  })
  const keys = { cert: readFileSync(certificate), key: readFileSync(key) }

  const door = createServer((socket) => {
    socket.on('error', () => {})
    // The client asks for TLS in its first message, and waits for this letter.
    socket.once('data', () => {
      socket.write('S')
      const near = new TLSSocket(socket, { isServer: true, ...keys })
      const far = connect(Number(plain.port), plain.hostname)
      near.on('error', () => far.destroy()).on('close', () => far.destroy())
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      near.pipe(far).pipe(near)
    })
  })
  await new Promise<void>((done) => door.listen(0, '127.0.0.1', done))
  onTestFinished(() => void door.close())

  return (host: string, parameters: Record<string, string>): string => {
    const url = new URL(plain)
    url.host = `${host}:${(door.address() as AddressInfo).port}`
    for (const [name, value] of Object.entries(parameters)) {
      url.searchParams.set(name, value.replace('CERTIFICATE', certificate))
    }
    return url.href
  }
}

test.skipIf(!hasOpenssl).each([
  ['sslmode=verify-full', elsewhere, { sslmode: 'verify-full', sslrootcert: 'CERTIFICATE' }],
  ['sslmode=verify-ca, under another name', '127.0.0.1', { sslmode: 'verify-ca', sslrootcert: 'CERTIFICATE' }],
])('Postgres is asked over TLS with %s, where the certificate holds', async (_, host, parameters) => {
  const urlOf = await postgresBehindTls()

  const status = await openTestDatabase(urlOf(host, parameters)).migrations.status()

  expect(status).not.toEqual([])
})

test.skipIf(!hasOpenssl).each([
  ['of another machine that nobody vouches for', elsewhere, {}, /self-signed certificate/],
  [
    'for another name',
    '127.0.0.1',
    { sslmode: 'verify-full', sslrootcert: 'CERTIFICATE' },
    /does not match certificate's altnames/,
  ],
])('Postgres is asked nothing over TLS by a certificate %s', async (_, host, parameters, reason) => {
  const urlOf = await postgresBehindTls()

  const asking = openTestDatabase(urlOf(host, parameters)).migrations.status()

  await expect(asking).rejects.toMatchObject({ cause: { message: expect.stringMatching(reason) } })
})

test.skipIf(!hasOpenssl)('a server with sslmode=require to another machine warns, and serves', async () => {
  const urlOf = await postgresBehindTls()
  const settings = {
    DATABASE_URL: urlOf(elsewhere, { sslmode: 'require' }),
    MASTER_KEY: Buffer.alloc(32, 'test').toString('base64'),
  }

  const server = await serve({ folder: temporaryFolder(), settings })

  await expect.poll(() => server.stdout()).toContain('"Listening"')
  const warnings = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"warn"'))
  expect(warnings).toEqual([
    expect.stringContaining(
      'The certificate of the database is not checked: whoever sits between can read all. Use sslmode=verify-full',
    ),
  ])
  expect((await server.request('/readyz')).status).toBe(200)
})
