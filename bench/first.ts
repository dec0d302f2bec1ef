import { createHmac, createPublicKey, createSecretKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import type { TokenSigner } from '../packages/server/src/crypto/access-tokens.ts'
import { createVerifier } from '../packages/verify/src/index.ts'
import { cpuOf, cpuOfWaiting, medians } from './measure.ts'
import { type Finding, microseconds, type Part, type Peers, type Scale, share } from './report.ts'
import { signTokens, startIssuer } from './tokens.ts'

const secret = Buffer.from('a shared secret for the bench: over 32 bytes')

type Check = (signed: Buffer, signature: Buffer) => boolean
type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256'

/** A token that was never seen, against the bare signature check of node:crypto on the same bytes. */
export const first: Part = {
  name: 'first',
  title: 'First sight of a token',

  async measure(scale) {
    const findings: Finding[] = []
    for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const) {
      await using issuer = await startIssuer({ algorithm })
      const { publicKey } = issuer
      const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
      const check: Check = (signed, signature) =>
        verify(algorithm === 'EdDSA' ? null : 'sha256', signed, key, signature)
      findings.push(
        ...(await measureOne({ algorithm, issuer: issuer.url, signer: issuer.signer, publicKey, check }, scale)),
      )
    }
    const hmacKey = createSecretKey(secret)
    const check: Check = (signed, signature) =>
      timingSafeEqual(createHmac('sha256', hmacKey).update(signed).digest(), signature)
    const shared = { algorithm: 'HS256', issuer: 'http://127.0.0.1:1', signer: { secret }, check } as const
    return [...findings, ...(await measureOne({ ...shared, publicKey: undefined }, scale))]
  },
}

interface Subject {
  algorithm: Algorithm
  issuer: string
  signer: TokenSigner
  /** Undefined where the secret is shared. */
  publicKey: KeyObject | undefined
  check: Check
}

async function measureOne(subject: Subject, { isSmoke, peers, progress }: Scale): Promise<Finding[]> {
  const { algorithm, issuer, signer, publicKey, check } = subject
  progress(algorithm)
  const [rounds, count] = isSmoke ? [1, 20] : [algorithm === 'HS256' ? 31 : 11, 1_500]
  const verifier = createVerifier({
    issuer,
    revocations: { isRevoked: () => false },
    ...(publicKey === undefined ? { secret } : {}),
  })
  await verifier.ready()
  const fastJwt = await fastJwtVerifier(peers, subject)
  const jose = await joseVerifier(peers, subject)
  const remembered = new Map<string, unknown>()
  const strings = () => signTokens(count, issuer, signer).map(String)

  const ways: Record<string, () => number | Promise<number>> = {
    raw: () => {
      const parts = strings().map(takeApart)
      return cpuOf(count, () => {
        for (const { signed, signature } of parts) if (!check(signed, signature)) throw new Error('Bad signature')
      })
    },
    ours: async () => {
      const tokens = strings()
      // The keys may have grown too old while the tokens were signed.
      await verifier.ready()
      return cpuOf(count, () => {
        for (const token of tokens) if (!verifier.verifyNow(token)) throw new Error('Not verified')
      })
    },
    // Whoever remembers tokens does this at least, and it checks nothing of form, header or claims.
    floor: () => {
      const tokens = strings()
      return cpuOf(count, () => {
        for (const token of tokens) {
          const { signed, signature, claims } = takeApart(token)
          if (!check(signed, signature)) throw new Error('Bad signature')
          remembered.set(token, JSON.parse(claims))
        }
      })
    },
    ...(fastJwt && {
      fastJwt: () => {
        const tokens = strings()
        return cpuOf(count, () => {
          for (const token of tokens) fastJwt(token)
        })
      },
    }),
    ...(jose && {
      jose: () => {
        const tokens = strings()
        return cpuOfWaiting(count, async () => {
          for (const token of tokens) await jose(token)
        })
      },
    }),
  }
  const result = await medians(ways, rounds)
  verifier.close()

  const { raw = 0, ours = 1, floor = 1, fastJwt: ofFastJwt, jose: ofJose } = result
  const wanted = isSmoke ? 0 : 0.9
  return [
    microseconds(`${nameOf(subject)}: signature check alone`, raw),
    microseconds(`${nameOf(subject)}: \`verifyNow()\``, ours),
    share(`${nameOf(subject)}: speed as a share of the signature check`, raw / ours, wanted),
    share(`${nameOf(subject)}: the same of signature check, \`JSON.parse\` and \`Map.set\` alone`, raw / floor),
    ...(ofFastJwt === undefined
      ? []
      : [share(`${nameOf(subject)}: fast-jwt, of the signature check`, raw / ofFastJwt)]),
    ...(ofJose === undefined
      ? []
      : [
          share(`${nameOf(subject)}: jose, of the signature check (time in its thread pool not counted)`, raw / ofJose),
        ]),
  ]
}

function nameOf({ algorithm, publicKey }: Subject): string {
  const bits = publicKey?.asymmetricKeyDetails?.modulusLength
  return bits === undefined ? algorithm : `${algorithm} with ${bits} bits`
}

function takeApart(token: string) {
  const [header, claims, signature] = token.split('.')
  return {
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(String(signature), 'base64url'),
    claims: Buffer.from(String(claims), 'base64url').toString(),
  }
}

type Verify = (token: string) => unknown

async function fastJwtVerifier(
  peers: Peers | undefined,
  { algorithm, publicKey }: Subject,
): Promise<Verify | undefined> {
  const module = await peers?.load('fast-jwt')
  const createPeer = module?.['createVerifier'] as ((options: object) => Verify) | undefined
  const key = publicKey ? String(publicKey.export({ type: 'spki', format: 'pem' })) : secret
  return createPeer?.({ key, algorithms: [algorithm] })
}

async function joseVerifier(
  peers: Peers | undefined,
  { algorithm, publicKey, issuer }: Subject,
): Promise<((token: string) => Promise<unknown>) | undefined> {
  const module = await peers?.load('jose')
  const jwtVerify = module?.['jwtVerify'] as
    | ((token: string, key: unknown, options: object) => Promise<unknown>)
    | undefined
  const key = publicKey ? createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })) : createSecretKey(secret)
  return jwtVerify && ((token) => jwtVerify(token, key, { issuer, algorithms: [algorithm], typ: 'at+jwt' }))
}
