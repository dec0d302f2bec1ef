import { deviceSeconds } from '../domain/limit.ts'
import type { UserId } from '../domain/user.ts'
import type { Seal } from './seal.ts'

/** Ours have 155 characters: what is longer is not opened. */
const maxLength = 200

/** Tells a device on which an account was signed in to before from all others. */
export type DeviceTokens = {
  /** A token for a device on which the account has just signed in. */
  issue(userId: UserId): string
  /** Which device of this account a token stands for; `undefined` where it is forged, too old or another account's. */
  read(token: string | undefined, userId: UserId): string | undefined
  /** Whose device a token stands for; `undefined` where it is forged or too old. */
  ownerOf(token: string | undefined): UserId | undefined
}

/**
 * Device tokens, sealed so that nobody can make or read one (OWASP, "Slow Down Online Guessing Attacks with Device
 * Cookies"). One alone opens nothing. It is not tied to the password: what is guessed with it is counted by device.
 */
export function deviceTokens(seal: Seal, { now, newId }: { now(): number; newId(): string }): DeviceTokens {
  function open(token = ''): { owner?: UserId; device?: string | undefined } {
    if (token === '' || token.length > maxLength) return {}
    try {
      const [owner, device, expiresAt] = seal.open(token).split(' ')
      return Number(expiresAt) > now() ? { owner: owner as UserId, device } : {}
    } catch {
      return {}
    }
  }

  return {
    issue: (userId) => seal.close([userId, newId(), now() + deviceSeconds * 1000].join(' ')),
    read: (token, userId) => {
      const { owner, device } = open(token)
      return owner === userId ? device : undefined
    },
    ownerOf: (token) => open(token).owner,
  }
}
