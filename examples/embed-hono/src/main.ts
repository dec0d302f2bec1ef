import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { authenticateOwner, type LatchkeyVariables } from '@latchkey/verify/hono'
import { Hono } from 'hono'
import { createLatchkey } from 'latchkey'

const host = process.env['HOST'] || '127.0.0.1'
const port = Number(process.env['PORT'] || 8000)

const latchkey = createLatchkey({
  publicUrl: process.env['PUBLIC_URL'] || `http://localhost:${port}`,
  databaseUrl: process.env['DATABASE_URL'] || 'sqlite:data/latchkey.db',
})
await latchkey.migrate()

const app = new Hono<{ Bindings: HttpBindings; Variables: LatchkeyVariables }>()

// Before the guard, whose /api/:user_id/* matches /api/auth/* too. `c.env` tells Latchkey the client's address.
app.use((c, next) => (latchkey.handles(c.req.path) ? latchkey.fetch(c.req.raw, c.env) : next()))

app.get('/', (c) => c.text('A page for everybody\n'))

app.use('/api/:user_id/*', authenticateOwner(latchkey.verifier))
app.get('/api/:user_id/greeting', (c) => c.json({ greeting: `Hello, ${c.get('claims').email}` }))

const server = createServer(getRequestListener(app.fetch))
server.listen(port, host, () => {
  const { port } = server.address() as AddressInfo
  console.log(`The app listens on http://${host}:${port}`)
})

/** Longer than an answer takes; whoever has still not sent the whole of a request is cut off. */
const drainMilliseconds = 2_000

/** What was asked is answered first; streams to verifiers elsewhere end, and they come back when the app does. */
function stop(): void {
  server.close()
  setTimeout(() => server.closeAllConnections(), drainMilliseconds).unref()
  void latchkey.close()
}

// Not once: a second signal would end the process at once.
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
