import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'

/** The key that seals private keys at rest, and whether this start made it. */
export type MasterKey = { bytes: Uint8Array; isNew: boolean }

/**
 * Reads the master key from its file, or makes one there, readable by its owner alone. Of two processes that make it
 * at once, one wins and both use what it wrote.
 *
 * @throws {Error} where the file is readable by others, or holds anything but 32 bytes in base64
 */
export function readOrMakeMasterKey(path: string): MasterKey {
  const existing = readIfThere(path)
  if (existing) return { bytes: existing, isNew: false }

  const fresh = randomBytes(32)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = openSync(draft, 'wx', 0o600)
  writeSync(file, `${fresh.toString('base64')}\n`)
  fsyncSync(file)
  closeSync(file)
  try {
    // Linked into place complete, and only where nothing stands: a reader never sees half a key.
    linkSync(draft, path)
    chmodSync(path, 0o600)
    return { bytes: fresh, isNew: true }
  } catch (cause) {
    const winner = readIfThere(path)
    if (winner) return { bytes: winner, isNew: false }
    throw new Error(`Cannot keep the master key in "${path}"`, { cause })
  } finally {
    rmSync(draft)
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  const status = statSync(path, { throwIfNoEntry: false })
  if (!status) return undefined
  if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
    throw new Error(`Cannot use the master key "${path}": others may read it (chmod 600 mends that)`)
  }
  const text = readFileSync(path, 'utf8').trim()
  // Buffer.from reads around whatever is no base64: a damaged file would pass for another key.
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    throw new Error(`Cannot use the master key "${path}": it does not hold 32 bytes in base64`)
  }
  return Buffer.from(text, 'base64')
}
