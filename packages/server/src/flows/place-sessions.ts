import { listPositions, newListSeed } from '../crypto/list-positions.ts'
import type { ListPosition } from '../domain/status-list.ts'
import type { Store } from '../domain/store.ts'

/** Says where the bit of a session stands in the status lists. */
export type Places = (sessionNumber: number) => Promise<ListPosition>

/** Places sessions by the seed of the installation, which is made when first needed; of two processes that make one, one wins. */
export function placeSessions({ store }: { store: Pick<Store, 'statusLists'> }): Places {
  let positions: Promise<(sessionNumber: number) => ListPosition> | undefined

  async function load() {
    return listPositions(await store.statusLists.seed(newListSeed()))
  }

  return async (sessionNumber) => {
    positions ??= load().catch((error) => {
      positions = undefined
      throw error
    })
    return (await positions)(sessionNumber)
  }
}
