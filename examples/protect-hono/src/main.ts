import { serve } from '@hono/node-server'
import { createVerifier } from '@latchkey/verify'
import { authenticateOwner, health, type LatchkeyVariables } from '@latchkey/verify/hono'
import { Hono } from 'hono'

// Begins at once to follow who logs out. The issuer need not be up yet.
const verifier = createVerifier({ issuer: process.env['ISSUER'] || 'http://localhost:8000' })

const app = new Hono<{ Variables: LatchkeyVariables }>()
app.get('/readyz', health(verifier))

app.use('/api/:user_id/*', authenticateOwner(verifier))
app.get('/api/:user_id/notes', (c) => {
  // By the token, never by the path or the body.
  const { user_id } = c.get('claims')
  return c.json({ owner: user_id, notes: [] })
})

const port = Number(process.env['PORT'] || 3000)
serve({ fetch: app.fetch, hostname: 'localhost', port }, ({ port }) => {
  console.log(`The API listens on http://localhost:${port}`)
})
