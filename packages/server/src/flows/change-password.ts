import type { HashOrder } from '../domain/hash-order.ts'
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

/** `signal` is aborted when the client has gone: a password that nobody waits for is not hashed. */
export type ChangePasswordInput = PasswordChange & {
  caller: Caller
  /** The device token of an earlier login, where the client kept one. */
  device?: string | undefined
  origin: Origin
  signal?: AbortSignal | undefined
}

/**
 * Trades the current password for a new one, and ends all other sessions of the user: whoever else knew the old one is
 * out. The caller's session goes on. When this returns, every verifier in this process refuses the access tokens of the
 * others, and their refresh tokens are void.
 *
 * A token alone does not do: the current password is asked for, and a wrong one counts as a failed login does.
 *
 * @throws {Refusal} AUTH_REVOKED, VALIDATION_ERROR, VALIDATION_PASSWORD, RATE_LIMIT_EXCEEDED, AUTH_FAILED, OVERLOADED,
 *   REQUEST_TIMEOUT, UNAVAILABLE
 */
export async function changePassword(deps: Deps, input: ChangePasswordInput): Promise<void> {
  const { passwords, policy } = deps
  const user = await findCaller(deps, input.caller)
  assertHashable(input.currentPassword, 'current_password')
  assertAcceptableChange(input, user.email, policy)

  const order: HashOrder = { purpose: 'password_change', network: input.origin.network, signal: input.signal }
  passwords.assertRoom(order)

  if (!(await isRightGuess(deps, user, { ...input, order }))) throw await changeFailed(deps, input)
  const next = { ...order, isContinued: true }
  const newHash = await passwords.hash(input.newPassword, next)

  const outcome = await replaceUnlessOvertaken(deps, { ...input, order: next, user, newHash })
  if (outcome === 'session_over') throw new Refusal('AUTH_REVOKED')
  if (outcome !== 'replaced') throw await changeFailed(deps, input)

  await deps.announceRevocations()
}

async function findCaller(deps: Deps, caller: Caller): Promise<User> {
  const { id } = await readProfile(deps, caller)
  const user = await deps.store.users.findById(id)
  if (!user) throw new Refusal('AUTH_REVOKED')
  return user
}

type OrderedChange = ChangePasswordInput & { order: HashOrder }

/**
 * Compares the current password, counted against the limits of logins: who stole a token guesses here no faster than there.
 * @throws {Refusal} RATE_LIMIT_EXCEEDED, OVERLOADED, REQUEST_TIMEOUT, UNAVAILABLE
 */
async function isRightGuess(
  deps: Deps,
  user: User,
  { currentPassword, device, order, origin }: OrderedChange,
): Promise<boolean> {
  await spendLimit(deps, deps.limits.loginPerAddress, { key: origin.network, origin })
  const guess = await countGuess(deps, { email: user.email, user, userId: user.id, device, origin })

  const isRight = await deps.passwords.matches(currentPassword, user.passwordHash, order).catch(guess.takeBack)
  if (isRight) await guess.forgive()
  return isRight
}

type CheckedChange = OrderedChange & { user: User; newHash: string }

/** Everything holds, or nothing: where the session ended or the hash was replaced meanwhile, this change comes too late. */
async function replaceUnlessOvertaken(
  deps: Deps,
  change: CheckedChange,
): Promise<'replaced' | 'session_over' | 'wrong_password'> {
  const { user, newHash, caller, currentPassword, order, origin } = change
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
  if (!(await deps.passwords.matches(currentPassword, newer.passwordHash, order))) return 'wrong_password'
  return replaceUnlessOvertaken(deps, { ...change, user: newer })
}

async function changeFailed(deps: Deps, { caller, origin }: ChangePasswordInput): Promise<Refusal> {
  const facts = { type: 'password_change_failed', ...caller, failureReason: 'wrong_password' } as const
  await deps.store.audit.append(eventOf(deps, origin, facts))
  return new Refusal('AUTH_FAILED')
}
