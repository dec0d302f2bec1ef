import { newId } from '../crypto/secrets.ts'
import type { User, UserId } from '../domain/user.ts'

/** Who stands in for an unknown account, with an id that is looked for among those of others, as a real one is. */
export function decoyUser(passwordHash: string): User {
  return { id: newId() as UserId, email: '', passwordHash, createdAt: 0, lastLoginAt: 0, isActive: true }
}
