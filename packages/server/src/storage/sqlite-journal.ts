import { close, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'

const syncData = promisify(fdatasync)

/** The write-ahead log of an SQLite file, as far as it must reach the disk. */
export type Journal = {
  /**
   * Waits until all that was written before is on the disk, off the event loop. Who asks while the disk is busy waits
   * for the next sync, which is then of all of them.
   * @throws {Error} of the file system; from then on `mend` comes before each sync, until it throws no more
   */
  settle(): Promise<void>
  close(): void
}

/**
 * @param mend brings what the log holds into the database file itself, and that onto the disk. A disk that failed once may
 *   have dropped what it then says is written, so a second sync alone proves nothing
 */
export function journalOf(path: string, mend: () => void): Journal {
  let file: number | undefined
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let hasFailed = false

  async function sync(): Promise<void> {
    try {
      if (hasFailed) mend()
      // Writable, since not every system syncs what was opened to be read.
      file ??= openSync(path, 'r+')
      await syncData(file)
      hasFailed = false
    } catch (error) {
      hasFailed = true
      throw error
    }
  }

  return {
    settle: () => {
      next ??= running.then(() => {
        const mine = sync()
        running = mine.catch(() => {})
        next = undefined
        return mine
      })
      return next
    },
    close: () => {
      const last = file
      if (last !== undefined) running.then(() => close(last))
      file = undefined
    },
  }
}
