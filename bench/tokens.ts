import { spawn } from 'node:child_process'
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { signAccessToken, type TokenSigner } from '../packages/server/src/crypto/access-tokens.ts'
import type { SessionId } from '../packages/server/src/domain/session.ts'
import type { SigningAlgorithm } from '../packages/server/src/domain/signing-key.ts'
import { sessionsPerList, statusListUri } from '../packages/server/src/domain/status-list.ts'
import type { UserId } from '../packages/server/src/domain/user.ts'

export interface Issuer extends AsyncDisposable {
  readonly url: string
  readonly signer: TokenSigner
  readonly publicKey: KeyObject
}

interface IssuerFacts {
  algorithm?: SigningAlgorithm
  lists?: number
  revokedShare?: number
}

/** Starts an issuer in a process of its own, and answers who signs its tokens. */
export async function startIssuer({ algorithm = 'ES256', lists = 3, revokedShare = 0 }: IssuerFacts): Promise<Issuer> {
  const program = join(import.meta.dirname, 'list-issuer.ts')
  const parameters = ['--conditions=latchkey-source', program, algorithm, String(lists), String(revokedShare)]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  const { issuer, privateKey, keyId } = JSON.parse(String(line))
  const key = createPrivateKey({ key: privateKey, format: 'jwk' })
  return {
    url: String(issuer),
    signer: { key: { id: keyId, algorithm, privateKey: key, publicJwk: {} } },
    publicKey: createPublicKey(key),
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

/** As bytes, so that whoever wants a string makes one that nobody has seen. */
export function signTokens(count: number, issuer: string, signer: TokenSigner): Buffer[] {
  const now = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, (_, at) => {
    const token = signAccessToken(
      {
        issuer,
        audience: undefined,
        userId: randomUUID() as UserId,
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
export function freshStrings(tokens: readonly Buffer[], count: number): string[] {
  return Array.from({ length: count }, () => String(tokens[Math.floor(Math.random() * tokens.length)]))
}
