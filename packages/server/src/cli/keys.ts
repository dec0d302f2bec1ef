import { assemble } from './assemble.ts'
import { type Output, show, UsageError } from './command.ts'
import { readConfig } from './environment.ts'
import { createLog } from './log.ts'
import { operator } from './operator.ts'

/** The work of `latchkey keys`: which key pairs there are, and a new one. */
export async function keys(output: Output, [action, ...rest]: string[]): Promise<void> {
  if ((action !== 'list' && action !== 'rotate') || rest.length > 0) throw new UsageError('keys list | rotate')
  const house = assemble(readConfig(), { log: createLog('error') })
  try {
    await house.assertMigrated()
    if (action === 'rotate') {
      const key = await house.keys.rotate(operator())
      const activates = new Date(key.activatesAt).toISOString()
      show(
        output,
        { kid: key.id, activates_at: activates },
        `Made ${key.id}: published now, signs from ${activates} on`,
      )
      return
    }
    const { keys: published } = await house.keys.publicKeys()
    show(output, { keys: published }, published.map(({ kid, alg }) => `${kid}  ${alg}`).join('\n'))
  } finally {
    await house.close()
  }
}
