import { serve } from '@hono/node-server'
import { createVerifier } from '@latchkey/verify'
import { authenticateOwner, health } from '@latchkey/verify/fetch'

// Begins at once to follow who logs out. The issuer need not be up yet.
const verifier = createVerifier({ issuer: process.env['ISSUER'] || 'http://localhost:8000' })
const judge = authenticateOwner(verifier)
const isReady = health(verifier)

const notesOfUser = new URLPattern({ pathname: '/api/:user_id/notes' })

async function handle(request: Request): Promise<Response> {
  if (new URL(request.url).pathname === '/readyz') return isReady()

  const path = notesOfUser.exec(request.url)?.pathname.groups
  if (!path) return new Response('Not found\n', { status: 404 })

  const { claims, refusal } = await judge(request, path['user_id'])
  if (refusal) return refusal

  // By the token, never by the path or the body.
  return Response.json({ owner: claims.user_id, notes: [] })
}

// On Node something must turn its requests into `Request`.
serve({ fetch: handle, hostname: 'localhost', port: Number(process.env['PORT'] || 3000) }, ({ port }) => {
  console.log(`The API listens on http://localhost:${port}`)
})
