import { digestOf } from '../crypto/secrets.ts'
import { normalizeEmail } from '../domain/email.ts'
import type { Origin } from '../domain/origin.ts'
import { isHashable } from '../domain/password-policy.ts'
import { Refusal } from '../domain/refusal.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'
import { eventOf, issueTokens, openSession, type TokenPair } from './open-session.ts'
import { spendLimit } from './spend-limit.ts'

export type LogInInput = { email: string; password: string; origin: Origin }

/**
 * Trades an email and password for a session.
 *
 * An unknown email, a wrong password and a disabled account get one and the same answer, after the
 * same work, so that nobody can learn who has an account.
 *
 * @throws {Refusal} VALIDATION_ERROR, AUTH_FAILED, RATE_LIMIT_EXCEEDED, OVERLOADED
 */
export async function logIn(deps: Deps, { email: typed, password, origin }: LogInInput): Promise<TokenPair> {
  const { store, passwords, limits } = deps
  const email = normalizeEmail(typed)
  if (!isHashable(password)) throw unusablePassword()
  await spendLimit(deps, limits.loginPerAddress, { key: origin.network, origin })

  const { user, isKnown } = await store.users.findOrDecoy(email, decoyUser(passwords.decoyHash))
  const userId = isKnown ? user.id : undefined
  const guess = await countGuess(deps, { email, user, userId, origin })

  const matches = await passwords.matches(password, user.passwordHash).catch(guess.takeBack)
  if (!isKnown || !matches || !user.isActive) {
    const failureReason = !isKnown ? 'unknown_email' : matches ? 'inactive' : 'wrong_password'
    throw await loginFailed(deps, { email, userId, failureReason, origin })
  }
  await guess.forgive()

  const renewed = await renewHash(deps, user, password)
  const opened = await store.transaction(async (inside) => {
    // Hashing takes long enough for an operator to disable the account meanwhile: in here nobody comes between.
    if (!(await inside.users.findById(user.id))?.isActive) return undefined
    if (renewed) await inside.users.replacePasswordHash(user.id, renewed)
    return openSession(deps, inside, { user, origin, deed: 'login' })
  })
  if (!opened) throw await loginFailed(deps, { email, userId, failureReason: 'inactive', origin })

  return issueTokens(deps, { ...opened, email })
}

async function loginFailed(
  deps: Deps,
  { email, origin, ...facts }: { email: string; userId: UserId | undefined; failureReason: string; origin: Origin },
): Promise<Refusal> {
  const event = eventOf(deps, origin, { type: 'login_failed', identifierDigest: digestOf(email), ...facts })
  await deps.store.audit.append(event)
  return new Refusal('AUTH_FAILED')
}

type Guess = { takeBack(fault: unknown): Promise<never>; forgive(): Promise<void> }

/**
 * Counts the attempt against its account, known or not, unless the account's owner signed in from this network before:
 * so a stranger's guesses are few, and cannot lock the owner out. Counted before the hash, so that a hundred guesses at
 * once are a hundred.
 *
 * @throws {Refusal} RATE_LIMIT_EXCEEDED
 */
async function countGuess(
  deps: Deps,
  { email, user, userId, origin }: { email: string; user: User; userId: UserId | undefined; origin: Origin },
): Promise<Guess> {
  const { store, limits } = deps
  const key = digestOf(email)
  const isFamiliar = await store.users.knowsNetwork(user.id, origin.network)
  if (!isFamiliar) await spendLimit(deps, limits.loginPerAccount, { key, origin, userId })

  return {
    takeBack: async (fault) => {
      if (!isFamiliar) await limits.loginPerAccount.giveBack(key)
      throw fault
    },
    // Not from a familiar network: strangers would get ten more guesses with each login of the owner.
    forgive: async () => {
      if (!isFamiliar) await limits.loginPerAccount.forget(key)
    },
  }
}

/** A stronger hash of the same password, where the setting has risen since. A login never fails for want of it. */
async function renewHash({ passwords, log }: Deps, user: User, password: string) {
  if (!passwords.needsRehash(user.passwordHash)) return undefined
  try {
    return { oldHash: user.passwordHash, newHash: await passwords.hash(password) }
  } catch (error) {
    log.warn({ user_id: user.id, error }, 'A password hash was not renewed')
    return undefined
  }
}

/** Who stands in for an unknown account, in the shape and size of a real one. */
function decoyUser(passwordHash: string): User {
  const id = '00000000-0000-4000-8000-000000000000' as UserId
  return { id, email: '', passwordHash, createdAt: 0, lastLoginAt: 0, isActive: true }
}

function unusablePassword(): Refusal {
  return new Refusal('VALIDATION_ERROR', {
    details: [{ field: 'password', issue: 'Must be well-formed text of at most 1024 bytes' }],
  })
}
