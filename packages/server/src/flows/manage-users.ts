import { normalizeEmail } from '../domain/email.ts'
import type { Origin } from '../domain/origin.ts'
import { assertAcceptable } from '../domain/password-policy.ts'
import { Refusal } from '../domain/refusal.ts'
import type { User, UserId } from '../domain/user.ts'
import type { Deps } from './deps.ts'
import { eventOf } from './open-session.ts'

/** A user as an operator sees one: everything but the hash. */
export type UserRecord = Omit<User, 'passwordHash'>

/**
 * Makes an account without opening a session. The password policy holds for operators too.
 * @throws {Refusal} VALIDATION_ERROR, VALIDATION_PASSWORD, CONFLICT_EMAIL, OVERLOADED
 */
export async function createUser(
  deps: Deps,
  { email: typed, password, origin }: { email: string; password: string; origin: Origin },
): Promise<UserRecord> {
  const { store, passwords, policy, now, newId } = deps
  const email = normalizeEmail(typed)
  assertAcceptable(password, email, policy)

  const user: User = {
    id: newId() as UserId,
    email,
    passwordHash: await passwords.hash(password, { purpose: 'signup', network: origin.network }),
    createdAt: now(),
    lastLoginAt: undefined,
    isActive: true,
  }
  const isNew = await store.transaction(async (inside) => {
    if (!(await inside.users.insert(user))) return false
    await inside.audit.append(eventOf(deps, origin, { type: 'user_created', userId: user.id }))
    return true
  })
  if (!isNew) throw new Refusal('CONFLICT_EMAIL')
  return withoutHash(user)
}

/**
 * Disables an account and ends all its sessions, or enables it again. Answers whether anything changed.
 * @throws {Refusal} NOT_FOUND
 */
export async function setUserActive(
  deps: Deps,
  { emailOrId, isActive, origin }: { emailOrId: string; isActive: boolean; origin: Origin },
): Promise<boolean> {
  const user = await findUser(deps, emailOrId)

  const isChanged = await deps.store.transaction(async (inside) => {
    if (!(await inside.users.setActive(user.id, isActive))) return false
    if (!isActive) await inside.sessions.revokeAllOf(user.id, { at: deps.now(), reason: 'user_disabled' })
    const type = isActive ? 'user_enabled' : 'user_disabled'
    await inside.audit.append(eventOf(deps, origin, { type, userId: user.id }))
    return true
  })
  await deps.announceRevocations()
  return isChanged
}

/**
 * Ends every session of a user, who may log in again. Answers how many.
 * @throws {Refusal} NOT_FOUND
 */
export async function endSessionsOf(
  deps: Deps,
  { emailOrId, origin }: { emailOrId: string; origin: Origin },
): Promise<number> {
  const { id: userId } = await findUser(deps, emailOrId)

  const count = await deps.store.transaction(async (inside) => {
    await inside.audit.append(eventOf(deps, origin, { type: 'sessions_revoked', userId }))
    return inside.sessions.revokeAllOf(userId, { at: deps.now(), reason: 'sessions_revoked' })
  })
  await deps.announceRevocations()
  return count
}

/** @throws {Refusal} NOT_FOUND */
export async function showUser(deps: Deps, emailOrId: string): Promise<UserRecord> {
  return withoutHash(await findUser(deps, emailOrId))
}

/** A page of accounts in the order of their emails, after the given email where there is one. */
export async function listUsers(
  { store }: Deps,
  page: { afterEmail: string | undefined; limit: number },
): Promise<UserRecord[]> {
  return (await store.users.list(page)).map(withoutHash)
}

async function findUser({ store }: Deps, emailOrId: string): Promise<User> {
  const user = emailOrId.includes('@')
    ? await store.users.findByEmail(normalizeEmail(emailOrId))
    : await store.users.findById(emailOrId as UserId)
  if (!user) throw new Refusal('NOT_FOUND')
  return user
}

function withoutHash({ passwordHash: _, ...record }: User): UserRecord {
  return record
}
