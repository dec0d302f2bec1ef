import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import pg from 'pg'

/** Answers SQL, one request at a time, for a thread that sleeps meanwhile: `synchronous-sql.ts` tells why. */
const { url, port, bell } = workerData as { url: string; port: MessagePort; bell: Int32Array }

let connected: Promise<pg.Client> | undefined

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: parserOf } })
  // Of a server that went away the next question begins anew.
  client.on('error', () => {
    connected = undefined
  })
  await client.connect()
  return client
}

parentPort?.on('message', async (sql: string) => {
  port.postMessage(await answer(sql))
  Atomics.store(bell, 0, 1)
  Atomics.notify(bell, 0)
})

async function answer(sql: string): Promise<{ rows: unknown[] } | { error: string }> {
  try {
    connected ??= connect()
    const client = await connected
    const result = await client.query(sql)
    // Several statements give several results, of which the last counts.
    const last = Array.isArray(result) ? result.at(-1) : result
    return { rows: last?.rows ?? [] }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

function parserOf(type: number) {
  return type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type)
}
