import type { AddressInfo } from 'node:net'
import { authenticateOwner } from '@latchkey/verify/express'
import express from 'express'
import { createLatchkey } from 'latchkey'

const host = process.env['HOST'] || '127.0.0.1'
const port = Number(process.env['PORT'] || 8000)

const latchkey = createLatchkey({
  publicUrl: process.env['PUBLIC_URL'] || `http://localhost:${port}`,
  databaseUrl: process.env['DATABASE_URL'] || 'sqlite:data/latchkey.db',
})
await latchkey.migrate()

const app = express()

// Before whatever reads bodies, such as express.json().
app.use((request, response, next) => {
  if (latchkey.handles(request.path)) latchkey.nodeListener(request, response)
  else next()
})

app.use(express.json())
app.get('/', (_, response) => {
  response.type('text').send('A page for everybody\n')
})

app.use('/api/:user_id', authenticateOwner(latchkey.verifier))
app.get('/api/:user_id/greeting', (request, response) => {
  response.json({ greeting: `Hello, ${request.claims.email}` })
})

const server = app.listen(port, host, (error) => {
  if (error) throw error
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
