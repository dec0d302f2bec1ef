/**
 * What a verification costs, side by side with the least that it could cost. Each figure is the median of rounds in
 * which all ways take turns, as CPU time of the thread; a ratio is the share of the speed of what is compared with.
 *
 *   npm run bench
 *   npm run bench -- known    one of known, first, load
 */
import { spawn } from 'node:child_process'
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  randomUUID,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism, cpus } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { signAccessToken, type TokenSigner } from '../packages/server/src/crypto/access-tokens.ts'
import type { SessionId } from '../packages/server/src/domain/session.ts'
import { sessionsPerList, statusListUri } from '../packages/server/src/domain/status-list.ts'
import type { UserId } from '../packages/server/src/domain/user.ts'
import { createVerifier } from '../packages/verify/src/index.ts'
import { median, medians, timed } from './measure.ts'

const liveTokens = 50_000
const lookUps = 50_000
const firstSights = 4_000
const sessions = 10_000_000
const revokedShare = 0.3

/** Starts an issuer, and answers who signs its tokens. */
async function startIssuer(lists: number, share: number) {
  const child = spawn(
    process.execPath,
    ['--conditions=latchkey-source', 'bench/list-issuer.ts', String(lists), String(share)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = await once(child.stdout, 'data')
  const { issuer, privateKey, keyId } = JSON.parse(String(line))
  const key = createPrivateKey({ key: privateKey, format: 'jwk' })
  const signer: TokenSigner = { key: { id: keyId, algorithm: 'ES256', privateKey: key, publicJwk: {} } }
  return { issuer: String(issuer), signer, publicKey: createPublicKey(key), end: () => child.kill() }
}

function signTokens(count: number, issuer: string, signer: TokenSigner): Buffer[] {
  const now = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, (_, at) => {
    const userId = randomUUID() as UserId
    const token = signAccessToken(
      {
        issuer,
        audience: undefined,
        userId,
        email: `user${at}@example.com`,
        sessionId: randomUUID() as SessionId,
        tokenId: randomUUID(),
        issuedAt: now,
        expiresAt: now + 86_400,
        status: { uri: statusListUri(issuer, at % 3), index: at % sessionsPerList },
      },
      signer,
    )
    return Buffer.from(token)
  })
}

/** New strings in random order, none of which any map has seen. */
function freshStrings(tokens: readonly Buffer[]): string[] {
  return Array.from({ length: lookUps }, () =>
    String(tokens[Math.floor(Math.random() * tokens.length)]?.toString('latin1')),
  )
}

async function benchKnown(): Promise<void> {
  const { issuer, signer, end } = await startIssuer(3, 0)
  const verifier = createVerifier({ issuer })
  await verifier.ready()
  const tokens = signTokens(liveTokens, issuer, signer)
  const map = new Map(tokens.map((token) => [token.toString('latin1'), { claims: {} }]))
  for (const token of tokens) await verifier.verify(token.toString('latin1'))

  let found = 0
  const ways = {
    map: () => {
      const strings = freshStrings(tokens)
      return timed(() => {
        for (const token of strings) if (map.get(token) !== undefined) found += 1
      })
    },
    verifyNow: () => {
      const strings = freshStrings(tokens)
      return timed(() => {
        for (const token of strings) if (verifier.verifyNow(token) !== undefined) found += 1
      })
    },
  }
  const result = await medians(ways, 31)
  const { cache } = verifier.status()
  if (found !== 64 * lookUps || cache.size !== liveTokens) throw new Error(`Not every token was known: ${found}`)
  verifier.close()
  end()
  const nanoseconds = (milliseconds = 0) => `${((milliseconds / lookUps) * 1e6).toFixed(0)} ns`
  console.log(`\nKnown token, revocation checked; ${liveTokens} live, random order, a fresh string each time`)
  console.log(`  bare Map look-up      ${nanoseconds(result['map'])}`)
  console.log(`  verifyNow()           ${nanoseconds(result['verifyNow'])}`)
  console.log(`  of a bare look-up     ${ratio(result['map'], result['verifyNow'])}   (wanted: 0.80)`)
}

function splitToken(token: string) {
  const [header, claims, signature] = token.split('.')
  return { signed: Buffer.from(`${header}.${claims}`), signature: Buffer.from(String(signature), 'base64url') }
}

async function benchFirstSight() {
  const { issuer, signer, publicKey, end } = await startIssuer(3, 0)
  const secret = Buffer.from('a shared secret for the bench: over 32 bytes')
  await benchFirstSightOf('ES256', issuer, signer, (signed, signature) =>
    verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature),
  )
  const hmacKey: KeyObject = createSecretKey(secret)
  await benchFirstSightOf('HS256', issuer, { secret }, (signed, signature) =>
    timingSafeEqual(createHmac('sha256', hmacKey).update(signed).digest(), signature),
  )
  end()
}

async function benchFirstSightOf(
  name: string,
  issuer: string,
  signer: TokenSigner,
  check: (signed: Buffer, signature: Buffer) => boolean,
) {
  const isRevoked = () => false
  const verifier = createVerifier({
    issuer,
    revocations: { isRevoked },
    ...('secret' in signer ? { secret: signer.secret } : {}),
  })
  await verifier.ready()
  const strings = () => signTokens(firstSights, issuer, signer).map((token) => token.toString('latin1'))
  const ways = {
    raw: () => {
      const parts = strings().map(splitToken)
      return timed(() => {
        for (const { signed, signature } of parts) if (!check(signed, signature)) throw new Error('Bad signature')
      })
    },
    verifyNow: () => {
      const tokens = strings()
      return timed(() => {
        for (const token of tokens) if (!verifier.verifyNow(token)) throw new Error('Not verified')
      })
    },
  }
  const result = await medians(ways, 9)
  verifier.close()
  const microseconds = (milliseconds = 0) => `${((milliseconds / firstSights) * 1e3).toFixed(1)} µs`
  console.log(`\nFirst sight of a token, ${name}`)
  console.log(`  signature alone       ${microseconds(result['raw'])}`)
  console.log(`  verifyNow()           ${microseconds(result['verifyNow'])}`)
  console.log(`  of the signature      ${ratio(result['raw'], result['verifyNow'])}   (wanted: 0.90)`)
}

async function benchLoad() {
  const lists = Math.ceil(sessions / sessionsPerList)
  const { issuer, end } = await startIssuer(lists, revokedShare)
  const times: number[] = []
  let memory = { bits: 0, process: 0 }
  for (let round = 0; round < 7; round += 1) {
    globalThis.gc?.()
    const before = process.memoryUsage()
    const begin = performance.now()
    const verifier = createVerifier({ issuer })
    await verifier.ready()
    times.push(performance.now() - begin)
    await setTimeout(50)
    globalThis.gc?.()
    const after = process.memoryUsage()
    const grown = after.heapUsed + after.external - before.heapUsed - before.external
    memory = { bits: verifier.status().revocations?.memoryBytes ?? 0, process: grown }
    verifier.close()
  }
  end()
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`
  console.log(`\n${sessions} sessions, ${revokedShare * sessions} revoked, ${lists} lists over loopback HTTP`)
  console.log(`  loaded in             ${median(times).toFixed(0)} ms   (wanted: under 1000)`)
  console.log(`  bits in memory        ${mebibytes(memory.bits)}   (wanted: under 4)`)
  console.log(`  heap and buffers grew ${mebibytes(memory.process)}`)
}

function ratio(one = 0, other = 1): string {
  return (one / other).toFixed(2)
}

console.log(`Node ${process.version}, ${cpus()[0]?.model}, ${availableParallelism()} cores`)
const chosen = process.argv.slice(2)
for (const [name, bench] of Object.entries({ known: benchKnown, first: benchFirstSight, load: benchLoad })) {
  if (chosen.length === 0 || chosen.includes(name)) await bench()
}
