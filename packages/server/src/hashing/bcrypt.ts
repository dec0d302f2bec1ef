import { createHash, createHmac, randomBytes } from 'node:crypto'
import { hashSync, verifySync } from '@node-rs/bcrypt'

/**
 * bcrypt in the spellings that are found in the wild, and passlib's `bcrypt_sha256` around it for what bcrypt alone
 * would cut: it reads 72 bytes and stops at NUL. Everything here is synchronous and slow by design: call it in a worker.
 */

/** The most bytes of a password that bcrypt reads. */
const maxBcryptBytes = 72
const saltBytes = 16

const plain = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/
const sha256v2 = /^\$bcrypt-sha256\$v=2,t=2b,r=([4-9]|[12][0-9]|3[01])\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/
const sha256v1 = /^\$bcrypt-sha256\$(2[ab]),([4-9]|[12][0-9]|3[01])\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/
const django = /^bcrypt_sha256\$\$2[aby](\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53})$/

export type BcryptScheme = 'bcrypt' | 'bcrypt-sha256'

/** A stored hash, taken apart. `key` turns a password into what bcrypt is asked about `hash`. */
type ParsedHash = { scheme: BcryptScheme; cost: number; hash: string; key(password: Uint8Array): Uint8Array }

/** Says whether a password must be hashed down to fit into bcrypt. */
export function exceedsBcrypt(password: Uint8Array): boolean {
  return password.length > maxBcryptBytes || password.includes(0)
}

/**
 * Hashes a new password: `$2b$`, or passlib's `$bcrypt-sha256$v=2` where bcrypt would not read all of it.
 * @param cost binary logarithm of the number of rounds, 4 to 31
 */
export function bcryptHash(password: Uint8Array, cost: number): string {
  const salt = randomBytes(saltBytes)
  if (!exceedsBcrypt(password)) return hashSync(password, { salt, cost, version: '2b' })

  const saltText = bcryptBase64(salt)
  const hash = hashSync(keyV2(password, saltText), { salt, cost, version: '2b' })
  return `$bcrypt-sha256$v=2,t=2b,r=${cost}$${saltText}$${hash.slice(-31)}`
}

/**
 * Compares a password with a stored hash. Only `true` is a match: a hash that is malformed, of another scheme or
 * dearer than `maxCost` is `false`, without work. Plain bcrypt hashes are compared as other systems made them, by the
 * first 72 bytes; whether a longer password may match one is for the caller to say.
 */
export function bcryptMatches(password: Uint8Array, stored: string, maxCost = 31): boolean {
  const parsed = parseHash(stored)
  if (!parsed || parsed.cost > maxCost) return false
  return verifySync(parsed.key(password), parsed.hash)
}

/** How long a hash takes on a core of the 2020s, in seconds: a first guess, until one was measured. */
export function expectedHashSeconds(cost: number): number {
  return 60e-6 * 2 ** cost
}

/** Scheme and cost of a stored hash, `undefined` where it is none that this module can verify. */
export function bcryptParameters(stored: string): { scheme: BcryptScheme; cost: number } | undefined {
  const parsed = parseHash(stored)
  return parsed && { scheme: parsed.scheme, cost: parsed.cost }
}

function parseHash(stored: string): ParsedHash | undefined {
  const plainCost = plain.exec(stored)?.[1]
  if (plainCost) {
    // `$2y$` and `$2b$` name one algorithm; `$2a$` differs only in bugs of long ago that no library here has.
    return canonical({ scheme: 'bcrypt', cost: Number(plainCost), hash: `$2b$${stored.slice(4)}`, key: asIs })
  }

  const [, rounds, salt = '', checksum] = sha256v2.exec(stored) ?? []
  if (rounds) {
    const hash = `$2b$${rounds.padStart(2, '0')}$${salt}${checksum}`
    return canonical({ scheme: 'bcrypt-sha256', cost: Number(rounds), hash, key: (password) => keyV2(password, salt) })
  }

  const [, version, roundsV1, saltV1, checksumV1] = sha256v1.exec(stored) ?? []
  if (version && roundsV1) {
    const hash = `$2b$${roundsV1.padStart(2, '0')}$${saltV1}${checksumV1}`
    return canonical({ scheme: 'bcrypt-sha256', cost: Number(roundsV1), hash, key: keyV1 })
  }

  const [, djangoRest, djangoCost] = django.exec(stored) ?? []
  if (djangoRest) {
    return canonical({ scheme: 'bcrypt-sha256', cost: Number(djangoCost), hash: `$2b${djangoRest}`, key: keyDjango })
  }
  return undefined
}

/** 16 bytes of salt and 23 of checksum leave spare bits in the last character of each; other spellings of one hash are refused. */
function canonical(parsed: ParsedHash): ParsedHash | undefined {
  const saltEnd = parsed.hash[28] ?? ''
  const checksumEnd = parsed.hash[59] ?? ''
  return '.Oeu'.includes(saltEnd) && (alphabet.indexOf(checksumEnd) & 3) === 0 ? parsed : undefined
}

function asIs(password: Uint8Array): Uint8Array {
  return password
}

/** passlib bcrypt_sha256 v2: base64 of HMAC-SHA-256 keyed with the salt's text. */
function keyV2(password: Uint8Array, saltText: string): Uint8Array {
  return Buffer.from(createHmac('sha256', saltText).update(password).digest('base64'))
}

/** passlib bcrypt_sha256 v1: base64 of SHA-256. */
function keyV1(password: Uint8Array): Uint8Array {
  return Buffer.from(createHash('sha256').update(password).digest('base64'))
}

/** Django's BCryptSHA256PasswordHasher: lower-case hex of SHA-256. */
function keyDjango(password: Uint8Array): Uint8Array {
  return Buffer.from(createHash('sha256').update(password).digest('hex'))
}

const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const standardAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** bcrypt's base64: the standard one in another order of letters, without padding. */
function bcryptBase64(bytes: Buffer): string {
  const standard = bytes.toString('base64').replace(/=+$/, '')
  return standard.replace(/./g, (letter) => alphabet[standardAlphabet.indexOf(letter)] ?? '')
}
