import { digestOf } from '../crypto/secrets.ts'
import { normalizeEmail } from '../domain/email.ts'
import type { HashOrder } from '../domain/hash-order.ts'
import type { Origin } from '../domain/origin.ts'
import { assertAcceptable } from '../domain/password-policy.ts'
import { Refusal } from '../domain/refusal.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'
import { type DeviceTokenPair, eventOf, issueTokens, type OpenedSession, openSession } from './open-session.ts'
import { spendLimit } from './spend-limit.ts'

/** `signal` is aborted when the client has gone: a password that nobody waits for is not hashed. */
export type SignUpInput = { email: string; password: string; origin: Origin; signal?: AbortSignal | undefined }

/**
 * Makes an account and opens its first session. That the address is taken is told, since signup logs in at once:
 * the one place where the product tells who has an account (SECURITY.md).
 *
 * @throws {Refusal} VALIDATION_ERROR, VALIDATION_PASSWORD, RATE_LIMIT_EXCEEDED, CONFLICT_EMAIL, OVERLOADED,
 *   REQUEST_TIMEOUT, UNAVAILABLE
 */
export async function signUp(
  deps: Deps,
  { email: typed, password, origin, signal }: SignUpInput,
): Promise<DeviceTokenPair> {
  const { passwords, limits, policy, inTurn } = deps
  const email = normalizeEmail(typed)
  assertAcceptable(password, email, policy)
  const order: HashOrder = { purpose: 'signup', network: origin.network, signal }
  passwords.assertRoom(order)
  await spendLimit(deps, limits.signupPerAddress, { key: origin.network, origin })

  // Of many at once one hashes and wins: the others see then that the address is taken, and fill no queue.
  const opened = await inTurn(email, () => openAccount(deps, { email, password, order, origin }))
  if (!opened) throw await emailTaken(deps, email, origin)

  const { userId } = opened.session
  return { ...(await issueTokens(deps, { ...opened, email })), deviceToken: deps.devices.issue(userId) }
}

type AcceptedSignUp = { email: string; password: string; order: HashOrder; origin: Origin }

/** Answers `undefined` where the email is taken. */
async function openAccount(
  deps: Deps,
  { email, password, order, origin }: AcceptedSignUp,
): Promise<OpenedSession | undefined> {
  const { store, passwords, now, newId } = deps
  if (await store.users.findByEmail(email)) return undefined

  const user: User = {
    id: newId() as UserId,
    email,
    passwordHash: await passwords.hash(password, order),
    createdAt: now(),
    lastLoginAt: undefined,
    isActive: true,
  }
  return store.transaction(async (inside) => {
    const isNew = await inside.users.insert(user)
    return isNew ? openSession(deps, inside, { user, origin, deed: 'signup' }) : undefined
  })
}

async function emailTaken(deps: Deps, email: string, origin: Origin): Promise<Refusal> {
  const facts = { type: 'signup_failed', identifierDigest: digestOf(email), failureReason: 'email_taken' } as const
  await deps.store.audit.append(eventOf(deps, origin, facts))
  return new Refusal('CONFLICT_EMAIL')
}
