import type { Origin } from '../domain/origin.ts'
import { assertAcceptableChange, assertHashable, type PasswordChange } from '../domain/password-policy.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Caller } from '../domain/session.ts'
import type { User } from '../domain/user.ts'
import { countGuess } from './count-guess.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'
import { readProfile } from './read-profile.ts'
import { spendLimit } from './spend-limit.ts'

export type ChangePasswordInput = PasswordChange & { caller: Caller; origin: Origin }

/**
 * Trades the current password for a new one, and ends all other sessions of the user: whoever else knew the old one is
 * out. The caller's session goes on. When this returns, every verifier in this process refuses the access tokens of the
 * others, and their refresh tokens are void.
 *
 * A token alone does not do: the current password is asked for, and a wrong one counts as a failed login does.
 *
 * @throws {Refusal} AUTH_REVOKED, VALIDATION_ERROR, VALIDATION_PASSWORD, RATE_LIMIT_EXCEEDED, AUTH_FAILED, OVERLOADED
 */
export async function changePassword(deps: Deps, input: ChangePasswordInput): Promise<void> {
  const { passwords, policy } = deps
  const user = await findCaller(deps, input.caller)
  assertHashable(input.currentPassword, 'current_password')
  assertAcceptableChange(input, user.email, policy)

  if (!(await isRightGuess(deps, user, input))) throw await changeFailed(deps, input)
  const newHash = await passwords.hash(input.newPassword)

  const outcome = await replaceUnlessOvertaken(deps, { ...input, user, newHash })
  if (outcome === 'session_over') throw new Refusal('AUTH_REVOKED')
  if (outcome === 'wrong_password') throw await changeFailed(deps, input)

  await deps.announceRevocations()
}

async function findCaller(deps: Deps, caller: Caller): Promise<User> {
  const { id } = await readProfile(deps, caller)
  const user = await deps.store.users.findById(id)
  if (!user) throw new Refusal('AUTH_REVOKED')
  return user
}

/**
 * Compares the current password, counted against the limits of logins: who stole a token guesses here no faster than there.
 * @throws {Refusal} RATE_LIMIT_EXCEEDED, OVERLOADED
 */
async function isRightGuess(
  deps: Deps,
  user: User,
  { currentPassword, origin }: ChangePasswordInput,
): Promise<boolean> {
  await spendLimit(deps, deps.limits.loginPerAddress, { key: origin.network, origin })
  const guess = await countGuess(deps, { email: user.email, user, userId: user.id, origin })

  const isRight = await deps.passwords.matches(currentPassword, user.passwordHash).catch(guess.takeBack)
  if (isRight) await guess.forgive()
  return isRight
}

type CheckedChange = ChangePasswordInput & { user: User; newHash: string }

/** Everything holds, or nothing: where the session ended or the hash was replaced meanwhile, this change comes too late. */
async function replaceUnlessOvertaken(
  deps: Deps,
  change: CheckedChange,
): Promise<'replaced' | 'session_over' | 'wrong_password'> {
  const { user, newHash, caller, currentPassword, origin } = change
  const { sessionId } = caller

  const outcome = await deps.store.transaction(async (inside) => {
    const at = deps.now()
    if (!(await inside.sessions.findLive(sessionId, at))) return 'session_over'
    const isReplaced = await inside.users.replacePasswordHash(user.id, { oldHash: user.passwordHash, newHash })
    if (!isReplaced) return 'overtaken'
    await inside.sessions.revokeAllOf(user.id, { at, reason: 'password_changed', except: sessionId })
    await inside.audit.append(eventOf(deps, origin, { type: 'password_changed', userId: user.id, sessionId }))
    return 'replaced'
  })
  if (outcome !== 'overtaken') return outcome

  // Another password's hash, or one that a login beside this renewed.
  const newer = await findCaller(deps, caller)
  if (!(await deps.passwords.matches(currentPassword, newer.passwordHash))) return 'wrong_password'
  return replaceUnlessOvertaken(deps, { ...change, user: newer })
}

async function changeFailed(deps: Deps, { caller, origin }: ChangePasswordInput): Promise<Refusal> {
  const facts = { type: 'password_change_failed', ...caller, failureReason: 'wrong_password' } as const
  await deps.store.audit.append(eventOf(deps, origin, facts))
  return new Refusal('AUTH_FAILED')
}
