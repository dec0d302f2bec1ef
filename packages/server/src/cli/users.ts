import type { UserRecord } from '../flows/manage-users.ts'
import { type Output, show, UsageError } from './command.ts'
import type { Core } from './core.ts'
import { operator } from './operator.ts'
import { readPassword } from './read-password.ts'

const pageSize = 500
/** In place of an email: who has an account. */
const everyone = '--all'

/** The work of `latchkey users`, on the same database as a server that may run beside it. */
export async function users(output: Output, [action = '', target, ...rest]: string[]): Promise<void> {
  const run = Object.hasOwn(actions, action) ? actions[action] : undefined
  const needsTarget = action !== 'list'
  const isMisplaced = target === everyone && action !== 'logout'
  if (!run || rest.length > 0 || needsTarget !== Boolean(target) || isMisplaced) {
    throw new UsageError(
      'users list | show EMAIL | create EMAIL | disable EMAIL | enable EMAIL | logout EMAIL or --all',
    )
  }

  const { inMigratedHouse } = await import('./migrated-house.ts')
  await inMigratedHouse((house) => run(house, output, target ?? ''))
}

type Action = (house: Core, output: Output, target: string) => Promise<void>

const actions: Record<string, Action> = {
  list: async ({ auth }, output) => {
    const found: UserRecord[] = []
    for (;;) {
      const page = await auth.listUsers({ afterEmail: found.at(-1)?.email, limit: pageSize })
      found.push(...page)
      if (page.length < pageSize) break
    }
    show(output, { users: found.map(toJson) }, found.length > 0 ? found.map(toLine).join('\n') : 'No users')
  },

  show: async ({ auth }, output, target) => {
    const user = await auth.showUser(target)
    show(output, toJson(user), toLine(user))
  },

  create: async ({ auth }, output, email) => {
    const user = await auth.createUser({ email, password: await readPassword(), origin: operator() })
    show(output, toJson(user), `Created ${toLine(user)}`)
  },

  disable: (house, output, target) => setActive(house, output, { target, isActive: false }),
  enable: (house, output, target) => setActive(house, output, { target, isActive: true }),

  logout: async ({ auth }, output, target) => {
    if (target === everyone) {
      const ended = await auth.endEverySession(operator())
      show(output, { ended }, `Ended ${ended} ${ended === 1 ? 'session' : 'sessions'} of everyone`)
      return
    }
    const ended = await auth.endSessionsOf({ emailOrId: target, origin: operator() })
    const user = await auth.showUser(target)
    show(output, { ...toJson(user), ended }, `Ended ${ended} ${ended === 1 ? 'session' : 'sessions'} of ${user.email}`)
  },
}

async function setActive(
  { auth }: Core,
  output: Output,
  { target, isActive }: { target: string; isActive: boolean },
): Promise<void> {
  const isChanged = await auth.setUserActive({ emailOrId: target, isActive, origin: operator() })
  const user = await auth.showUser(target)
  const state = isActive ? 'enabled' : 'disabled, and every session ended'
  show(output, { ...toJson(user), changed: isChanged }, `${user.email} is ${isChanged ? 'now' : 'already'} ${state}`)
}

function toJson(user: UserRecord) {
  return {
    user_id: user.id,
    email: user.email,
    created_at: new Date(user.createdAt).toISOString(),
    last_login: user.lastLoginAt === undefined ? null : new Date(user.lastLoginAt).toISOString(),
    is_active: user.isActive,
  }
}

function toLine(user: UserRecord): string {
  const { user_id, email, created_at, last_login, is_active } = toJson(user)
  return [
    user_id,
    email,
    is_active ? 'active' : 'disabled',
    `created ${created_at}`,
    `last login ${last_login ?? 'never'}`,
  ].join('  ')
}
