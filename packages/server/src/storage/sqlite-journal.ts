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
  /** The same for all that can be read, whichever process wrote it. Syncs only where another one wrote since. */
  settleAll(): Promise<void>
  close(): void
}

/** What the database itself does for its log. */
export type JournalKeeper = {
  /**
   * Brings what the log holds into the database file itself, and that onto the disk. A disk that failed once may have
   * dropped what it then says is written, so a second sync alone proves nothing.
   */
  mend(): void
  /** Another value after each commit of another process. Undefined where that cannot be told now. */
  othersVersion(): number | undefined
}

export function journalOf(path: string, { mend, othersVersion }: JournalKeeper): Journal {
  let file: number | undefined
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let hasFailed = false
  /** Undefined at first: who wrote the log before may have ended before the sync. */
  let settledVersion: number | undefined

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

  function begin(): Promise<void> {
    running = sync()
    next = undefined
    return running
  }

  function settle(): Promise<void> {
    next ??= running.then(begin, begin)
    return next
  }

  return {
    settle,
    settleAll: async () => {
      const version = othersVersion()
      // Each commit of ours asks for its sync before anybody can read it.
      if (version !== undefined && version === settledVersion && !hasFailed) return next ?? running
      await settle()
      settledVersion = version
    },
    close: () => {
      const last = file
      if (last !== undefined) void running.catch(() => {}).then(() => close(last))
      file = undefined
    },
  }
}
