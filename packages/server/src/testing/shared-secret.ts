import { createHmac } from 'node:crypto'

/** For a house in shared-secret mode. */
export const secret = 'a shared secret of more than 32 bytes'

/** What a token says, unchecked. */
export function claimsOf(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/** The token with other claims, as who holds a secret can make it. */
export function resigned(token: string, claims: object, key = secret): string {
  const content = `${encode({ alg: 'HS256', typ: 'at+jwt' })}.${encode({ ...claimsOf(token), ...claims })}`
  return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
