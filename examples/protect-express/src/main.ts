import type { AddressInfo } from 'node:net'
import { createVerifier } from '@latchkey/verify'
import { authenticateOwner, health } from '@latchkey/verify/express'
import express from 'express'

// Begins at once to follow who logs out. The issuer need not be up yet.
const verifier = createVerifier({ issuer: process.env['ISSUER'] || 'http://localhost:8000' })

const app = express()
app.get('/readyz', health(verifier))

app.use('/api/:user_id', authenticateOwner(verifier))
app.get('/api/:user_id/notes', (request, response) => {
  // By the token, never by the path or the body.
  const { user_id } = request.claims
  response.json({ owner: user_id, notes: [] })
})

const server = app.listen(Number(process.env['PORT'] || 3000), 'localhost', (error) => {
  if (error) throw error
  const { port } = server.address() as AddressInfo
  console.log(`The API listens on http://localhost:${port}`)
})
