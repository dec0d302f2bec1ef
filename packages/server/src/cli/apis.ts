import type { ApiRecord } from '../flows/manage-apis.ts'
import { type Output, show, UsageError } from './command.ts'
import type { Core } from './core.ts'
import { operator } from './operator.ts'

/** The work of `latchkey apis`, on the same database as a server that may run beside it: what is done holds there at once. */
export async function apis(output: Output, [action = '', name, ...rest]: string[]): Promise<void> {
  const run = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (!run || rest.length > 0 || (action === 'list') !== (name === undefined)) {
    throw new UsageError('apis list | add NAME | revoke NAME')
  }

  const { inMigratedHouse } = await import('./migrated-house.ts')
  await inMigratedHouse((house) => run(house, output, name ?? ''))
}

type Action = (house: Core, output: Output, name: string) => Promise<void>

const actions: Record<string, Action> = {
  list: async ({ auth }, output) => {
    const found = await auth.listApis()
    show(output, { apis: found.map(toJson) }, found.length > 0 ? found.map(toLine).join('\n') : 'No APIs')
  },

  add: async ({ auth }, output, name) => {
    const { api, credential } = await auth.addApi({ name, origin: operator() })
    show(output, { ...toJson(api), credential }, credential)
    if (!output.asJson) output.note(`This credential of ${name} is not shown again`)
  },

  revoke: async ({ auth }, output, name) => {
    const { api, isChanged } = await auth.revokeApi({ name, origin: operator() })
    show(output, { ...toJson(api), changed: isChanged }, `${name} is ${isChanged ? 'now' : 'already'} revoked`)
  },
}

function toJson(api: ApiRecord) {
  return {
    name: api.name,
    created_at: new Date(api.createdAt).toISOString(),
    last_used_at: instant(api.lastUsedAt),
    revoked_at: instant(api.revokedAt),
  }
}

function toLine(api: ApiRecord): string {
  const { name, created_at, last_used_at, revoked_at } = toJson(api)
  const state = revoked_at === null ? 'active' : `revoked ${revoked_at}`
  return [name, state, `created ${created_at}`, `last used ${last_used_at ?? 'never'}`].join('  ')
}

function instant(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString()
}
