import { type Output, show } from './command.ts'
import { inMigratedHouse } from './migrated-house.ts'
import { operator } from './operator.ts'

/** For a database that was put back by other means than a file of `latchkey backup`: logs everyone out. */
export async function restored(output: Output): Promise<void> {
  await inMigratedHouse(async ({ auth }) => {
    const ended = await auth.beginAnew(operator())
    show(
      output,
      { ended },
      `Ended ${ended} ${ended === 1 ? 'session' : 'sessions'}: every token of before is void, everyone logs in again`,
    )
  })
}
