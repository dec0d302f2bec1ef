import { readFileSync } from 'node:fs'

const shipped = new URL('../domain/common-passwords/common-passwords.txt', import.meta.url)

/**
 * Reads the passwords to refuse, one a line, compared in lower case.
 * @param choice `common`, `off` or the path of a file
 * @throws {Error} where the file cannot be read
 */
export function readBlockList(choice: string): (loweredPassword: string) => boolean {
  if (choice === 'off') return () => false
  const words = new Set(linesOf(choice === 'common' ? shipped : choice))
  return (loweredPassword) => words.has(loweredPassword)
}

function linesOf(file: string | URL): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.replace(/\r$/, '').toLowerCase())
      .filter(Boolean)
  } catch (cause) {
    throw new Error(`Cannot read PASSWORD_BLOCKLIST "${file}"`, { cause })
  }
}
