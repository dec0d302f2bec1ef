import { createVerifier } from '@latchkey/verify'
import { authenticateOwner, health } from '@latchkey/verify/fastify'
import fastify from 'fastify'

// Begins at once to follow who logs out. The issuer need not be up yet.
const verifier = createVerifier({ issuer: process.env['ISSUER'] || 'http://localhost:8000' })

const app = fastify()
app.get('/readyz', health(verifier))

app.register(async (api) => {
  // Guards every route of this instance, and no other.
  await api.register(authenticateOwner(verifier))
  api.get('/api/:user_id/notes', async (request) => {
    // By the token, never by the path or the body.
    const { user_id } = request.claims
    return { owner: user_id, notes: [] }
  })
})

const url = await app.listen({ host: 'localhost', port: Number(process.env['PORT'] || 3000) })
console.log(`The API listens on ${url}`)
