import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const nonceBytes = 12
const tagBytes = 16

/** Encrypts what is stored so that nobody can read or change it unnoticed: AES-256-GCM (NIST SP 800-38D). */
export type Seal = {
  /** Base64url of nonce, ciphertext and tag. The nonce is random: use one key for fewer than 2^32 values. */
  close(plain: string): string
  /** @throws {Error} where the key is another or a bit was changed */
  open(sealed: string): string
}

/**
 * Makes a seal from key material of at least 256 bits of entropy and a purpose. Seals of different purposes cannot
 * open one another (HKDF-SHA-256, RFC 5869).
 */
export function sealUnder(keyMaterial: Uint8Array | string, purpose: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', keyMaterial, '', `latchkey ${purpose}`, 32))
  return {
    close: (plain) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      )
    },
    open: (sealed) => {
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < nonceBytes + tagBytes) throw new Error('Cannot open a sealed value: it is too short')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      const plain = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
      return Buffer.concat([plain, decipher.final()]).toString('utf8')
    },
  }
}
