import { createHmac, sign } from 'node:crypto'
import type { SessionId } from '../domain/session.ts'
import type { TokenStatus } from '../domain/status-list.ts'
import type { UserId } from '../domain/user.ts'
import type { SigningKey } from './signing-keys.ts'

/** What an access token says. Instants are whole seconds since the epoch (RFC 7519, section 2: NumericDate). */
export type AccessTokenFacts = {
  issuer: string
  audience: string | undefined
  userId: UserId
  email: string
  sessionId: SessionId
  tokenId: string
  /** Where the session's bit stands. */
  status: TokenStatus
  issuedAt: number
  expiresAt: number
}

/** What is read back of an access token: everything but where the session's bit stands. */
export type AccessTokenWords = Omit<AccessTokenFacts, 'status'> & { clientId: string | undefined }

/** What signs: a shared secret (HS256) or a private key. There is no third kind, so no token is ever unsigned. */
export type TokenSigner = { secret: Uint8Array } | { key: SigningKey }

/** Who asks for tokens, in the words of OAuth: people log in at this server itself, by no client that it registered. */
const ownClient = 'latchkey'

/**
 * Writes an access token: a JWS in compact form (RFC 7515, section 7.1) of type `at+jwt` (RFC 9068, section 2.1). With
 * an audience it has every claim of that profile (section 2.2), so `client_id` too.
 */
export function signAccessToken(facts: AccessTokenFacts, signer: TokenSigner): string {
  const claims = {
    iss: facts.issuer,
    ...(facts.audience === undefined ? {} : { aud: facts.audience, client_id: ownClient }),
    sub: facts.userId,
    user_id: facts.userId,
    email: facts.email,
    sid: facts.sessionId,
    jti: facts.tokenId,
    iat: facts.issuedAt,
    exp: facts.expiresAt,
    status: { status_list: { idx: facts.status.index, uri: facts.status.uri } },
  }
  return signToken('at+jwt', claims, signer)
}

/**
 * Signs claims as a JWS in compact form. The one place in the product that signs tokens: the type keeps one kind from
 * being taken for another (RFC 8725, section 3.11).
 */
export function signToken(type: 'at+jwt' | 'statuslist+jwt', claims: object, signer: TokenSigner): string {
  const header = 'secret' in signer ? { alg: 'HS256' } : { alg: signer.key.algorithm, kid: signer.key.id }
  const content = `${encode({ ...header, typ: type })}.${encode(claims)}`
  return `${content}.${signatureOf(Buffer.from(content), signer).toString('base64url')}`
}

function signatureOf(content: Buffer, signer: TokenSigner): Buffer {
  if ('secret' in signer) return createHmac('sha256', signer.secret).update(content).digest()
  const { algorithm, privateKey } = signer.key
  if (algorithm === 'ES256') return sign('sha256', content, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return sign(algorithm === 'RS256' ? 'sha256' : null, content, privateKey)
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
