import { deflateSync } from 'node:zlib'
import { sessionsPerList } from '../domain/status-list.ts'
import { signToken, type TokenSigner } from './access-tokens.ts'

/** Instants and lives are in whole seconds. */
export type StatusListFacts = {
  issuer: string
  uri: string
  /** One bit a session, the lowest of a byte first; undefined where none is set. */
  bits: Uint8Array | undefined
  issuedAt: number
  lifeSeconds: number
  ttlSeconds: number
}

const noBits = new Uint8Array(sessionsPerList / 8)

/** Writes a Status List Token (draft-ietf-oauth-status-list, section 5.1), compressed as far as zlib can (section 4.1). */
export function signStatusList(facts: StatusListFacts, signer: TokenSigner): string {
  const { issuer, uri, bits = noBits, issuedAt, lifeSeconds, ttlSeconds } = facts
  const claims = {
    iss: issuer,
    sub: uri,
    iat: issuedAt,
    exp: issuedAt + lifeSeconds,
    ttl: ttlSeconds,
    status_list: { bits: 1, lst: deflateSync(bits, { level: 9 }).toString('base64url') },
  }
  return signToken('statuslist+jwt', claims, signer)
}
