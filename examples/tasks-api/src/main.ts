import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createVerifier } from '@latchkey/verify'
import { createApp } from './app.ts'
import { createTaskServer } from './server.ts'
import { readSettings } from './settings.ts'
import { openTaskStore } from './task-store.ts'

/** Longer than any request should take; what then still runs is cut off. */
const drainMilliseconds = 5_000

async function main(): Promise<void> {
  const { host, port, database, verifier: verifierOptions } = readSettings(process.env)
  const verifier = createVerifier(verifierOptions)
  const store = openTaskStore(database)
  const server = createTaskServer(createApp({ verifier, store }).fetch)
  const stopped = untilAskedToStop()
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  console.log(`Tasks API listens on http://${host}:${address.port}, for the users of ${verifier.issuer}`)

  await stopped
  server.close()
  setTimeout(() => server.closeAllConnections(), drainMilliseconds).unref()
  await once(server, 'close')
  verifier.close()
  store.close()
}

/** The handlers stay: a second signal would end the process at once. */
function untilAskedToStop(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => done())
  })
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
