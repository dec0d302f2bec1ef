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

// `all`, not `use`, which would cut the path; and before whatever reads bodies, such as express.json().
app.all(
  ['/api/auth/*path', '/.well-known/*path', '/docs', '/docs/*path', '/openapi.json', '/healthz', '/readyz'],
  latchkey.nodeListener,
)

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

/** First what was asked is answered, then Latchkey ends. Verifiers elsewhere hold their streams open: cut off, they come back. */
function stop(): void {
  server.close(() => latchkey.close())
  setTimeout(() => server.closeAllConnections(), 2_000).unref()
}

process.once('SIGTERM', stop)
process.once('SIGINT', stop)
