import { type Kysely, sql } from 'kysely'
import { sessionsPerList } from '../domain/status-list.ts'
import type { RestoreStore } from '../domain/store.ts'
import type { Schema } from './schema.ts'

/** Stands in the head of a copy that `latchkey backup` made, whatever migrations it has: "LKBK". */
export const markOfCopy = 0x4c_4b_42_4b

export function restoreStore(database: Kysely<Schema>): RestoreStore {
  async function readReached(): Promise<{ list: number; sequence: number }> {
    const { sequence, number, list, first } = await database
      .selectNoFrom(({ selectFrom }) => [
        selectFrom('revocations')
          .select(({ fn }) => fn.max('sequence').as('max'))
          .as('sequence'),
        selectFrom('sessions')
          .select(({ fn }) => fn.max('number').as('max'))
          .as('number'),
        selectFrom('status_lists')
          .select(({ fn }) => fn.max('list').as('max'))
          .as('list'),
        selectFrom('restores')
          .select(({ fn }) => fn.max('first_list').as('max'))
          .as('first'),
      ])
      .executeTakeFirstOrThrow()
    const listOfNewest = Math.floor(Number(number ?? 0) / sessionsPerList)
    return { list: Math.max(listOfNewest, Number(list ?? 0), Number(first ?? 0)), sequence: Number(sequence ?? 0) }
  }

  /** Numbers are given out from `number` on. */
  async function numberFrom(table: 'sessions' | 'revocations', number: number): Promise<void> {
    await sql`delete from sqlite_sequence where name = ${table}`.execute(database)
    await sql`insert into sqlite_sequence (name, seq) values (${table}, ${number - 1})`.execute(database)
  }

  return {
    isCopy: async () => {
      const { rows } = await sql<{ user_version: number }>`pragma user_version`.execute(database)
      return rows[0]?.user_version === markOfCopy
    },

    beginAnew: async ({ at, atLeast, neededUntil }) => {
      const reached = await readReached()
      const firstList = Math.max(atLeast.list, reached.list + 1)
      const afterSequence = Math.max(atLeast.sequence, reached.sequence)
      await database
        .insertInto('restores')
        .values({ first_list: firstList, after_sequence: afterSequence, restored_at: at })
        .execute()
      await database.deleteFrom('status_lists').execute()
      await database.insertInto('status_lists').values({ list: firstList, expires_at: neededUntil }).execute()
      await numberFrom('sessions', firstList * sessionsPerList)
      await numberFrom('revocations', afterSequence + 1)
      await sql`pragma user_version = 0`.execute(database)
    },
  }
}
