declare const userIdBrand: unique symbol

/** A canonical lower-case UUID that names a user. */
export type UserId = string & { readonly [userIdBrand]: true }

export type User = {
  id: UserId
  email: string
  passwordHash: string
  createdAt: number
  lastLoginAt: number | undefined
  isActive: boolean
}

/** What a user may see of themselves, and an operator in a list. */
export type Profile = Pick<User, 'id' | 'email' | 'createdAt' | 'lastLoginAt'>
