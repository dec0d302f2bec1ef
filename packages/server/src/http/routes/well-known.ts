import { z } from '@hono/zod-openapi'
import { answerJson, type Endpoint, success } from '../endpoint.ts'

const keySetSchema = z
  .object({
    keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), use: z.literal('sig'), alg: z.string() })),
  })
  .openapi('KeySet')

export const wellKnownEndpoints: Endpoint[] = [
  {
    route: {
      method: 'get',
      path: '/.well-known/jwks.json',
      operationId: 'readKeySet',
      summary: 'The public keys that verify access tokens (RFC 7517)',
      description: 'Empty in shared-secret mode.',
      tags: ['Tokens'],
      responses: { 200: success('The key set', keySetSchema) },
    },
    handle: async (c, { publicKeys, settings }) => {
      c.header('Cache-Control', `public, max-age=${settings.keySetMaxAgeSeconds}`)
      c.header('Cross-Origin-Resource-Policy', 'cross-origin')
      c.header('Access-Control-Allow-Origin', '*')
      return answerJson(c, await publicKeys())
    },
  },
]
