/**
 * A resource API in a process of its own, for `hono.ts`: the same route without and with checks, a port for each.
 *
 *   node bench/hono-app.ts ISSUER    over IPC it says its ports, and answers each message by the CPU time it has used
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { createVerifier } from '../packages/verify/src/index.ts'
import { honoApps } from './hono-apps.ts'

const verifier = createVerifier({ issuer: String(process.argv[2]) })
await verifier.ready()

const ports: Record<string, number> = {}
for (const [name, app] of Object.entries(honoApps(verifier))) {
  const server = createAdaptorServer({ fetch: app.fetch })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ports[name] = (server.address() as AddressInfo).port
}
process.on('message', (wish) => {
  if (wish === 'tidy') globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  process.send?.({ microseconds: user + system, hits: verifier.status().cache.hits })
})
process.on('disconnect', () => process.exit())
process.send?.({ ports })
