import { createHash, randomBytes, randomUUID } from 'node:crypto'

/** Twice what RFC 9700 and ASVS 7.2.3 ask of a secret that cannot be guessed. */
const tokenBytes = 32

/** A new refresh token: 256 random bits. The prefix lets secret scanners recognise one that leaked. */
export function newRefreshToken(): string {
  return `lkr_${randomBytes(tokenBytes).toString('base64url')}`
}

/** Says whether a text can be a refresh token at all, before anything is looked up. */
export function isRefreshTokenShaped(text: string): boolean {
  return /^lkr_[A-Za-z0-9_-]{43}$/.test(text)
}

/** A new API credential: 256 random bits behind a prefix of its own. */
export function newApiCredential(): string {
  return `lka_${randomBytes(tokenBytes).toString('base64url')}`
}

/** Says whether a text can be an API credential at all, before anything is looked up. */
export function isApiCredentialShaped(text: string): boolean {
  return /^lka_[A-Za-z0-9_-]{43}$/.test(text)
}

/**
 * The form in which a secret of full entropy is stored and looked up: SHA-256, base64url. Not for passwords.
 * Looking up by digest leaves no timing trace of how much of a guess was right.
 */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url')
}

/** A random UUID (version 4). Ids only: it is not meant to be kept secret. */
export function newId(): string {
  return randomUUID()
}
