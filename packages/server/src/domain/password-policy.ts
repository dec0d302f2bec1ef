import { localPartOf } from './email.ts'
import { type Detail, Refusal } from './refusal.ts'

export type PolicyName = 'mission' | 'nist'

export type PasswordPolicy = {
  name: PolicyName
  /** Says whether a lower-cased password stands on the block list. */
  isCommon(loweredPassword: string): boolean
  /** Words of this installation that make no password: the product, the issuer's host, and the operator's own. Lower case. */
  contextWords: readonly string[]
}

/** Enough for any passphrase, and little enough that hashing its digest costs nothing. */
export const maxPasswordBytes = 1024

const unhashable = `Must be well-formed text of at most ${maxPasswordBytes} bytes`
const minLength = { mission: 8, nist: 15 } as const
/** A shorter local part occurs in good passwords by chance. */
const minTellingLocalPart = 3
/** What remains beside the address must make a password of its own (NIST SP 800-63B-4, 3.1.1.2: 15 characters). */
const enoughBesideTheAddress = 15

/**
 * Refuses what is too short, too common, or made of the owner's address. The password is taken as received: it is
 * never trimmed, folded or normalised (ASVS 6.2.8). Each code point counts as one character.
 *
 * @throws {Refusal} VALIDATION_PASSWORD, with one detail for each reason
 */
export function assertAcceptable(password: string, email: string, policy: PasswordPolicy): void {
  const details = detailsOf('password', issuesOf(password, email, policy))
  if (details.length > 0) throw new Refusal('VALIDATION_PASSWORD', { details })
}

export type PasswordChange = { currentPassword: string; newPassword: string }

/**
 * Refuses a new password as `assertAcceptable` does, and one that is the current one. What was typed is compared with
 * what was typed: the answer tells nothing of the password that is stored.
 *
 * @throws {Refusal} VALIDATION_PASSWORD, with one detail for each reason
 */
export function assertAcceptableChange(
  { currentPassword, newPassword }: PasswordChange,
  email: string,
  policy: PasswordPolicy,
): void {
  const issues = issuesOf(newPassword, email, policy)
  if (newPassword === currentPassword) issues.push('Must differ from the current password')
  const details = detailsOf('new_password', issues)
  if (details.length > 0) throw new Refusal('VALIDATION_PASSWORD', { details })
}

function issuesOf(password: string, email: string, policy: PasswordPolicy): string[] {
  const issues = [...lengthIssues(password, policy.name), ...classIssues(password, policy.name)]
  if (issues.length === 0) issues.push(...guessableIssues(password, email, policy))
  return issues
}

function detailsOf(field: string, issues: readonly string[]): Detail[] {
  return issues.map((issue) => ({ field, issue }))
}

function lengthIssues(password: string, name: PolicyName): string[] {
  if (!isHashable(password)) return [unhashable]
  return lengthOf(password) < minLength[name] ? [`Must have at least ${minLength[name]} characters`] : []
}

/**
 * Refuses what no account can have as a password. Says nothing of the policy: an older one may have allowed it.
 * @throws {Refusal} VALIDATION_ERROR, of the given field
 */
export function assertHashable(password: string, field: string): void {
  if (!isHashable(password)) throw new Refusal('VALIDATION_ERROR', { details: detailsOf(field, [unhashable]) })
}

/** Says whether a password can be hashed at all: well-formed Unicode, and not beyond 1,024 bytes of UTF-8. */
export function isHashable(password: string): boolean {
  return password.isWellFormed() && new TextEncoder().encode(password).length <= maxPasswordBytes
}

function classIssues(password: string, name: PolicyName): string[] {
  if (name === 'nist') return []
  const issues: string[] = []
  if (!/\p{Lu}/u.test(password)) issues.push('Must contain an upper-case letter')
  if (!/\p{Ll}/u.test(password)) issues.push('Must contain a lower-case letter')
  if (!/\p{Nd}/u.test(password)) issues.push('Must contain a digit')
  return issues
}

function guessableIssues(password: string, email: string, policy: PasswordPolicy): string[] {
  const lowered = password.toLowerCase()
  if (policy.isCommon(lowered)) return ['Is on the list of common passwords: choose another']
  if (isMadeOf(lowered, localPartOf(email))) return ['Must not contain your email address']

  const bare = lowered.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  return policy.contextWords.includes(bare) || policy.contextWords.includes(lowered)
    ? ['Must not be the name of this service: choose another']
    : []
}

function isMadeOf(lowered: string, local: string): boolean {
  if (local.length < minTellingLocalPart || !lowered.includes(local)) return false
  return lengthOf(lowered.replaceAll(local, '')) < enoughBesideTheAddress
}

function lengthOf(text: string): number {
  return [...text].length
}
