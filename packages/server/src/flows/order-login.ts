import type { HashOrder } from '../domain/hash-order.ts'
import type { Origin } from '../domain/origin.ts'
import type { UserId } from '../domain/user.ts'
import { decoyUser } from './decoy-user.ts'
import type { Deps } from './deps.ts'

type Login = { email: string; device: string | undefined; origin: Origin; signal: AbortSignal | undefined }

/**
 * Says in which line a login waits for its hash, and that there is room. Strangers from many networks can fill theirs,
 * so who is known waits in another:
 *
 * - who shows the device cookie of an account, the one that is asked for or another;
 * - who comes from a network in which the account signed in before. The database is asked for that here only where a
 *   stranger would be refused; otherwise it is known when the guess is counted.
 *
 * @param login.email in its one spelling
 * @throws {Refusal} OVERLOADED
 */
export async function orderLogin(deps: Deps, { email, device, origin, signal }: Login): Promise<HashOrder> {
  const { store, passwords, devices } = deps
  const owner = devices.ownerOf(device)
  let order: HashOrder = owner ? familiarOrder(owner, signal) : { purpose: 'login', network: origin.network, signal }
  if (!owner && !passwords.hasRoom(order)) {
    const { user } = await store.users.findOrDecoy(email, decoyUser(passwords.decoyHash))
    if (await store.users.knowsNetwork(user.id, origin.network)) order = familiarOrder(user.id, signal)
  }
  passwords.assertRoom(order)
  return order
}

/** Accounts take turns here: one cookie that is shown from a thousand networks is one turn. */
export function familiarOrder(account: UserId, signal: AbortSignal | undefined): HashOrder {
  return { purpose: 'familiar_login', network: account, signal }
}
