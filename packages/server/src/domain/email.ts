import { Refusal } from './refusal.ts'

/** Leaves at most the 253 characters of a DNS name to the domain, beside the @ and one character. */
export const maxEmailLength = 255

/** RFC 5321 atext, and for international local parts (RFC 6531) letters, marks and digits beyond ASCII. */
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~\-\p{L}\p{M}\p{Nd}]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~\-\p{L}\p{M}\p{Nd}]+)*$/u
const unicodeDomain = /^[\p{L}\p{M}\p{N}.\-\u3002\uff0e\uff61]+$/u
const asciiLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * The one spelling under which an address is stored and compared: trimmed, lower-cased, NFC, the domain in its ASCII
 * form (UTS 46, as the URL standard does it). Comments, quoted local parts, address literals and dotless domains are refused.
 *
 * A character beyond ASCII whose lower case is ASCII (the Kelvin sign, the dotted capital I) is refused in the local
 * part: it would let one person register what looks like another's address. Whether mail arrives there is not checked.
 *
 * @throws {Refusal} VALIDATION_ERROR
 */
export function normalizeEmail(typed: string): string {
  const trimmed = typed.trim()
  const at = trimmed.lastIndexOf('@')
  // Before anything is composed: NFC puts accents in order one by one, and takes minutes over a megabyte of them.
  if (at < 1 || trimmed.length > maxEmailLength * 2) throw invalidEmail()

  const local = normalizeLocalPart(trimmed.slice(0, at))
  const domain = normalizeDomain(trimmed.slice(at + 1).normalize('NFC'))
  const email = `${local}@${domain}`
  if (email.length > maxEmailLength) throw invalidEmail()
  return email
}

/** The part before the @, of an address that is already normal. */
export function localPartOf(email: string): string {
  return email.slice(0, email.lastIndexOf('@'))
}

function normalizeLocalPart(typed: string): string {
  for (const character of typed) {
    const isAscii = character <= '\u007f'
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is what is meant
    if (!isAscii && /[\u0000-\u007f]/.test(character.normalize('NFC').toLowerCase())) throw invalidEmail()
  }
  const lowered = typed.normalize('NFC').toLowerCase().normalize('NFC')
  if (!localPart.test(lowered)) throw invalidEmail()
  return lowered
}

function normalizeDomain(typed: string): string {
  if (!unicodeDomain.test(typed)) throw invalidEmail()
  const ascii = URL.parse(`http://${typed}`)?.hostname ?? ''
  const labels = ascii.split('.')
  const isHostName = labels.length > 1 && labels.every((label) => asciiLabel.test(label))
  const isNumeric = /^[0-9]+$/.test(labels.at(-1) ?? '')
  if (!isHostName || isNumeric) throw invalidEmail()
  return ascii
}

function invalidEmail(): Refusal {
  return new Refusal('VALIDATION_ERROR', { details: [{ field: 'email', issue: 'Must be an email address' }] })
}
