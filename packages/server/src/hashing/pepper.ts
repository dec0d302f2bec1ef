import { createHmac } from 'node:crypto'
import { type Seal, sealUnder } from '../crypto/seal.ts'
import type { Passwords } from './passwords.ts'

/** Secrets of 32 bytes that are kept apart from the database. */
export type Peppers = {
  /** Under which new hashes are sealed; undefined: they are not. */
  current: Uint8Array | undefined
  /** One that was current before: its hashes still match, and are renewed at the next login. */
  previous: Uint8Array | undefined
}

const sealedHash = /^\$pepper\$v=1,k=([A-Za-z0-9_-]{8})\$([A-Za-z0-9_-]+)$/

/**
 * Seals password hashes under a secret that the database does not hold (NIST SP 800-63B-4, 3.1.1.2: a keyed step),
 * so that who reads the database alone has nothing to guess against. The hash is encrypted, not the password keyed:
 * a pepper can so be replaced. A hash whose pepper is not at hand never matches, after the same work.
 */
export function withPeppers(inner: Passwords, { current, previous }: Peppers): Passwords {
  const seals = new Map([previous, current].flatMap((pepper) => (pepper ? [[nameOf(pepper), sealOf(pepper)]] : [])))
  const currentName = current && nameOf(current)

  function protect(hash: string): string {
    if (!current || !currentName) return hash
    return `$pepper$v=1,k=${currentName}$${sealOf(current).close(hash)}`
  }

  /** What bcrypt is asked about. Nothing usable where the seal cannot be opened: that costs a decoy, and fails. */
  function reveal(stored: string): string {
    const [, name = '', sealed = ''] = sealedHash.exec(stored) ?? []
    if (!name) return stored
    try {
      return seals.get(name)?.open(sealed) ?? ''
    } catch {
      return ''
    }
  }

  return {
    decoyHash: protect(inner.decoyHash),
    assertRoom: inner.assertRoom,
    hasRoom: inner.hasRoom,
    hash: async (password, order) => protect(await inner.hash(password, order)),
    matches: (password, stored, order) =>
      inner.matches(password, stored === undefined ? undefined : reveal(stored), order),
    needsRehash: (stored) => sealedHash.exec(stored)?.[1] !== currentName || inner.needsRehash(reveal(stored)),
  }
}

function sealOf(pepper: Uint8Array): Seal {
  return sealUnder(pepper, 'password hashes')
}

/** Tells peppers apart without telling anything of them. */
function nameOf(pepper: Uint8Array): string {
  return createHmac('sha256', pepper).update('latchkey pepper name').digest('base64url').slice(0, 8)
}
