import { digestOf } from '../crypto/secrets.ts'
import { normalizeEmail } from '../domain/email.ts'
import type { HashOrder } from '../domain/hash-order.ts'
import type { Origin } from '../domain/origin.ts'
import { assertHashable } from '../domain/password-policy.ts'
import { Refusal } from '../domain/refusal.ts'
import type { User, UserId } from '../domain/user.ts'
import { countGuess } from './count-guess.ts'
import { decoyUser } from './decoy-user.ts'
import type { Deps } from './deps.ts'
import { type DeviceTokenPair, eventOf, issueTokens, type OpenedSession, openSession } from './open-session.ts'
import { familiarOrder, orderLogin } from './order-login.ts'
import { spendLimit } from './spend-limit.ts'

/** `signal` is aborted when the client has gone: a password that nobody waits for is not hashed. */
export type LogInInput = {
  email: string
  password: string
  /** The device token of an earlier login, where the client kept one. */
  device?: string | undefined
  origin: Origin
  signal?: AbortSignal | undefined
}

/**
 * Trades an email and password for a session.
 *
 * An unknown email, a wrong password and a disabled account get one and the same answer, after the
 * same work, so that nobody can learn who has an account.
 *
 * @throws {Refusal} VALIDATION_ERROR, AUTH_FAILED, RATE_LIMIT_EXCEEDED, OVERLOADED, REQUEST_TIMEOUT, UNAVAILABLE
 */
export async function logIn(deps: Deps, input: LogInInput): Promise<DeviceTokenPair> {
  const { email: typed, password, device, origin, signal } = input
  const { store, passwords, limits } = deps
  const email = normalizeEmail(typed)
  assertHashable(password, 'password')
  const asked = await orderLogin(deps, { email, device, origin, signal })
  await spendLimit(deps, limits.loginPerAddress, { key: origin.network, origin })

  const { user, isKnown } = await store.users.findOrDecoy(email, decoyUser(passwords.decoyHash))
  const userId = isKnown ? user.id : undefined
  const guess = await countGuess(deps, { email, user, userId, device, origin })
  const order = guess.knowsNetwork ? familiarOrder(user.id, signal) : asked

  const matches = await passwords.matches(password, user.passwordHash, order).catch(guess.takeBack)
  if (!isKnown || !matches || !user.isActive) {
    const failureReason = !isKnown ? 'unknown_email' : matches ? 'inactive' : 'wrong_password'
    throw await loginFailed(deps, { email, userId, failureReason, origin })
  }
  await guess.forgive()

  const next = { ...order, isContinued: true }
  const renewed = await renewHash(deps, { user, password, order: next })
  const opened = await openUnlessOvertaken(deps, { user, password, order: next, renewed, origin })
  if (typeof opened === 'string') throw await loginFailed(deps, { email, userId, failureReason: opened, origin })

  return { ...(await issueTokens(deps, { ...opened, email })), deviceToken: deps.devices.issue(user.id) }
}

type Checked = { user: User; password: string; order: HashOrder }

type CheckedLogin = Checked & { renewed: RenewedHash | undefined; origin: Origin }

/**
 * Hashing takes long enough for the account to be disabled, or its password to be changed, meanwhile: in the
 * transaction nobody comes between. Answers why the login fails, where it does.
 */
async function openUnlessOvertaken(
  deps: Deps,
  { user, renewed, origin, ...checked }: CheckedLogin,
): Promise<OpenedSession | 'inactive' | 'wrong_password'> {
  const { opened, newer } = await deps.store.transaction(async (inside) => {
    const current = await inside.users.findById(user.id)
    if (!current?.isActive) return {}
    if (current.passwordHash !== user.passwordHash) return { newer: current }
    if (renewed) await inside.users.replacePasswordHash(user.id, renewed)
    return { opened: await openSession(deps, inside, { user, origin, deed: 'login' }) }
  })
  if (opened) return opened
  if (!newer) return 'inactive'

  // Another password's hash, or one that a login beside this renewed.
  if (!(await deps.passwords.matches(checked.password, newer.passwordHash, checked.order))) return 'wrong_password'
  return openUnlessOvertaken(deps, { ...checked, user: newer, renewed, origin })
}

async function loginFailed(
  deps: Deps,
  { email, origin, ...facts }: { email: string; userId: UserId | undefined; failureReason: string; origin: Origin },
): Promise<Refusal> {
  const event = eventOf(deps, origin, { type: 'login_failed', identifierDigest: digestOf(email), ...facts })
  await deps.store.audit.append(event)
  return new Refusal('AUTH_FAILED')
}

type RenewedHash = { oldHash: string; newHash: string }

/** A stronger hash of the same password, where the setting has risen since. A login never fails for want of it. */
async function renewHash(
  { passwords, log }: Deps,
  { user, password, order }: Checked,
): Promise<RenewedHash | undefined> {
  if (!passwords.needsRehash(user.passwordHash)) return undefined
  try {
    return { oldHash: user.passwordHash, newHash: await passwords.hash(password, order) }
  } catch (error) {
    log.warn({ user_id: user.id, error }, 'A password hash was not renewed')
    return undefined
  }
}
