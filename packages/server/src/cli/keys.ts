import { type Output, show, UsageError } from './command.ts'
import type { Core } from './core.ts'
import { operator } from './operator.ts'

/** The work of `latchkey keys`: which key pairs there are, and a new one. */
export async function keys(output: Output, [action, ...rest]: string[]): Promise<void> {
  if ((action !== 'list' && action !== 'rotate') || rest.length > 0) throw new UsageError('keys list | rotate')
  const { inMigratedHouse } = await import('./migrated-house.ts')
  await inMigratedHouse((house) => (action === 'rotate' ? rotate(house, output) : list(house, output)))
}

async function rotate({ keys }: Core, output: Output): Promise<void> {
  const key = await keys.rotate(operator())
  const activates = new Date(key.activatesAt).toISOString()
  show(
    output,
    { kid: key.id, activates_at: activates },
    `Made ${key.id}: running servers publish it within a minute, and sign with it from ${activates} on`,
  )
}

async function list({ keys }: Core, output: Output): Promise<void> {
  const { keys: published } = await keys.publicKeys()
  show(output, { keys: published }, published.map(({ kid, alg }) => `${kid}  ${alg}`).join('\n'))
}
