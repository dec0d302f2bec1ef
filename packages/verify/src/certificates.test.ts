import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { claimsOf, es256Key, tokenOf } from './testing/tokens.ts'
import { createVerifier } from './verifier.ts'

const key = es256Key()
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** A server over TLS whose certificate nobody has signed. */
async function selfSignedServer() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-tls-'))
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const output = ['-keyout', files.key, '-out', files.cert, '-days', '30']
  execFileSync('openssl', ['req', '-x509', ...algorithm, ...subject, ...output], { stdio: 'ignore' })
  const [privateKey, certificate] = [readFileSync(files.key), readFileSync(files.cert)]
  rmSync(folder, { recursive: true })

  const heard: string[] = []
  const server = createServer({ key: privateKey, cert: certificate }, ({ url = '' }, response) => {
    heard.push(url)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [key.jwk] }))
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, certificate, heard }
}

/** What a client hears that trusts this certificate. */
async function askTrusting(url: string, certificate: Buffer): Promise<number | undefined> {
  const asking = request(url, { ca: certificate, agent: false }).end()
  const [response] = await once(asking, 'response')
  response.resume()
  return response.statusCode
}

test.skipIf(!hasOpenssl)(
  'a verifier says nothing to an issuer whose certificate does not hold [ASVS 12.3.2]',
  async () => {
    const { url, certificate, heard } = await selfSignedServer()
    const verifier = createVerifier({ issuer: url })
    onTestFinished(verifier.close)

    const verdict = verifier.verify(tokenOf(key, { claims: claimsOf({ iss: url }) }))

    await expect(verdict).rejects.toMatchObject({ status: 503 })
    await expect.poll(() => verifier.status().revocations?.problem).toMatch(/certificate/i)
    expect(heard).toEqual([])
    expect(await askTrusting(`${url}/there`, certificate)).toBe(200)
    expect(heard).toEqual(['/there'])
  },
)
