import type { Kysely } from 'kysely'
import { sessionsPerList } from '../domain/status-list.ts'
import type { RestoreStore } from '../domain/store.ts'
import type { Engine } from './engine.ts'
import { hold } from './locks.ts'
import { revocationStore } from './revocations.ts'
import type { Schema } from './schema.ts'

export function restoreStore(
  database: Kysely<Schema>,
  engine: Pick<Engine, 'isCopy' | 'unmarkCopy' | 'numberFrom' | 'settle'>,
): RestoreStore {
  /** The newest list and the newest end that there were, of sessions that are gone since too. */
  async function readReached(): Promise<{ list: number; sequence: number }> {
    const { newest, firstList } = await revocationStore(database, engine).bounds()
    const { number, list } = await database
      .selectNoFrom(({ selectFrom }) => [
        selectFrom('sessions')
          .select(({ fn }) => fn.max('number').as('max'))
          .as('number'),
        selectFrom('status_lists')
          .select(({ fn }) => fn.max('list').as('max'))
          .as('list'),
      ])
      .executeTakeFirstOrThrow()
    const listOfNewest = Math.floor(Number(number ?? 0) / sessionsPerList)
    return { list: Math.max(listOfNewest, Number(list ?? 0), firstList), sequence: newest }
  }

  return {
    isCopy: () => engine.isCopy(database),

    beginAnew: async ({ at, atLeast, neededUntil }) => {
      await hold(database, 'revocations')
      const reached = await readReached()
      const firstList = Math.max(atLeast.list, reached.list + 1)
      const afterSequence = Math.max(atLeast.sequence, reached.sequence)
      await database
        .insertInto('restores')
        .values({ first_list: firstList, after_sequence: afterSequence, restored_at: at })
        .execute()
      await database.deleteFrom('status_lists').execute()
      await database.insertInto('status_lists').values({ list: firstList, expires_at: neededUntil }).execute()
      await engine.numberFrom(database, 'sessions', firstList * sessionsPerList)
      await engine.numberFrom(database, 'revocations', afterSequence + 1)
      await engine.unmarkCopy(database)
    },
  }
}
