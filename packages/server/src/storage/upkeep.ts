/** What operators do to a database now and then, beside the servers that run on it. */
export type Upkeep = {
  /**
   * Copies the database, as it is at this instant, into a new file for its owner alone, and answers the file's bytes.
   * What was acknowledged before is in the copy, and a mark by which who starts on it knows what it is. Servers go on
   * reading and writing. Does NOT copy the master key.
   * @throws {Error} where there is such a file already, or the copy cannot be written; then nothing is left behind.
   * Where the engine has tools of its own for it: that names them
   */
  backUp(file: string): Promise<number>
  /**
   * Reads everything, and answers what is wrong, in words of the engine: empty lists where nothing is.
   * @throws {Error} where the engine has tools of its own for it, that names them
   */
  check(): Promise<{ integrity: string[]; foreignKeys: string[] }>
}
