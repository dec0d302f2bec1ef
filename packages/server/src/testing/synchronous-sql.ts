import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'

/** Longer than any statement of a test. */
const patienceMilliseconds = 20_000

/**
 * A second look at a Postgres, which answers at once as SQLite does, so that one test serves both engines. The thread
 * that asks sleeps meanwhile: a statement that waits for a transaction of the same thread gets no answer.
 */
export function synchronousSql(url: string): <Row>(sql: string) => Row[] {
  const { port1, port2 } = new MessageChannel()
  const bell = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL('./sql-worker.ts', import.meta.url), {
    workerData: { url, port: port2, bell },
    transferList: [port2],
  })
  worker.unref()
  port1.unref()

  return <Row>(sql: string) => {
    Atomics.store(bell, 0, 0)
    worker.postMessage(sql)
    if (Atomics.wait(bell, 0, 0, patienceMilliseconds) === 'timed-out') throw new Error(`No answer to: ${sql}`)
    const { rows, error } = (receiveMessageOnPort(port1) as { message: { rows?: Row[]; error?: string } }).message
    if (error !== undefined) throw new Error(`${error}: ${sql}`)
    return rows ?? []
  }
}
