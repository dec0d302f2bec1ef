/**
 * Decodes base64url in its one canonical spelling.
 *
 * Padding, whitespace, characters of another alphabet, a length that no bytes have and stray bits in the last
 * character are refused, so that one sequence of bytes has one text (RFC 4648 3.2 to 3.5, RFC 7515 2).
 *
 * @returns undefined when the text is not canonical base64url
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  // Node skips what it does not know; whatever it skipped is missing when the bytes are spelled again.
  return bytes.toString('base64url') === text ? bytes : undefined
}
