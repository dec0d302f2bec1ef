/**
 * An issuer in a process of its own, for verifiers: a key, as many status lists as told, a stream without news.
 *
 *   node bench/list-issuer.ts ALGORITHM LISTS SHARE    says where it listens, and its keys, in one line of JSON
 */
import { createServer } from 'node:http'
import { sealUnder } from '../packages/server/src/crypto/seal.ts'
import { newSigningKey, openSigningKey } from '../packages/server/src/crypto/signing-keys.ts'
import { signStatusList } from '../packages/server/src/crypto/status-list-tokens.ts'
import { signingAlgorithms } from '../packages/server/src/domain/signing-key.ts'
import { sessionsPerList, statusListUri } from '../packages/server/src/domain/status-list.ts'

const [algorithmName, ...numbers] = process.argv.slice(2)
const algorithm = signingAlgorithms.find((name) => name === algorithmName) ?? 'ES256'
const [lists = 1, revokedShare = 0] = numbers.map(Number)
const seal = sealUnder(new Uint8Array(32), 'signing keys')
const stored = newSigningKey(algorithm, { seal, now: 0, activatesAt: 0, tokenSeconds: 60 })
const key = openSigningKey(stored, seal)
const tokens: string[] = []

const server = createServer((request, response) => {
  response.setHeader('revocation-cursor', '0')
  const { url = '' } = request
  const list = tokens[Number(url.split('/').at(-1))]
  if (url === '/.well-known/oauth-authorization-server') {
    const jwks_uri = `${issuer()}/.well-known/jwks.json`
    const status_list_aggregation_endpoint = `${issuer()}/.well-known/status-lists`
    const latchkey_revocation_stream = `${issuer()}/api/auth/revocations`
    const feed = { status_list_aggregation_endpoint, latchkey_revocation_stream }
    response.end(JSON.stringify({ issuer: issuer(), jwks_uri, ...feed }))
  } else if (url === '/.well-known/jwks.json') response.end(JSON.stringify({ keys: [key.publicJwk] }))
  else if (url === '/.well-known/status-lists') {
    response.end(JSON.stringify({ status_lists: tokens.map((_, at) => statusListUri(issuer(), at)) }))
  } else if (url.startsWith('/.well-known/status-lists/') && list) response.end(list)
  else if (url === '/api/auth/revocations') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const openedAt = performance.now()
    const beat = () => {
      const seconds = (performance.now() - openedAt) / 1000
      response.write(`event: current\nid: 0\ndata: {"open_seconds":${seconds}}\n\n`)
    }
    const heart = setInterval(beat, 2000)
    request.on('close', () => clearInterval(heart))
    beat()
  } else response.writeHead(404).end()
})

function issuer(): string {
  const address = server.address()
  return typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''
}

/** Random bits, of which the given share is set. */
function randomBits(): Uint8Array {
  const bits = new Uint8Array(sessionsPerList / 8)
  for (let at = 0; at < sessionsPerList; at += 1) {
    if (Math.random() < revokedShare) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7))
  }
  return bits
}

server.listen(0, '127.0.0.1', () => {
  const facts = { issuer: issuer(), issuedAt: Math.floor(Date.now() / 1000), lifeSeconds: 3600, ttlSeconds: 30 }
  for (let at = 0; at < lists; at += 1) {
    tokens.push(signStatusList({ ...facts, uri: statusListUri(issuer(), at), bits: randomBits() }, { key }))
  }
  console.log(JSON.stringify({ issuer: issuer(), privateKey: key.privateKey.export({ format: 'jwk' }), keyId: key.id }))
})
