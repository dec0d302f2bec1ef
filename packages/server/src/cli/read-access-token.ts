import { TokenError, type Verifier } from '@latchkey/verify'
import type { AccessTokenWords } from '../crypto/access-tokens.ts'
import type { SessionId } from '../domain/session.ts'
import type { UserId } from '../domain/user.ts'

/**
 * What a token says, as the verifier finds; `undefined` where it is refused.
 * @throws {TokenError} where the verifier cannot judge: that is no word on the token
 */
export async function readAccessToken(verifier: Verifier, token: string): Promise<AccessTokenWords | undefined> {
  try {
    const claims = await verifier.verify(token)
    return {
      issuer: claims.iss,
      audience: typeof claims.aud === 'string' ? claims.aud : undefined,
      clientId: typeof claims['client_id'] === 'string' ? claims['client_id'] : undefined,
      userId: claims.user_id as UserId,
      email: claims.email,
      sessionId: claims.sid as SessionId,
      tokenId: claims.jti,
      issuedAt: claims.iat,
      expiresAt: claims.exp,
    }
  } catch (error) {
    if (error instanceof TokenError && error.status === 401) return undefined
    throw error
  }
}
