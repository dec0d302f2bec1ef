import { z } from '@hono/zod-openapi'
import { answerPublicly, type Endpoint, success } from '../endpoint.ts'

const keySetSchema = z
  .object({
    keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), use: z.literal('sig'), alg: z.string() })),
  })
  .openapi('KeySet')

export const keySetPath = '/.well-known/jwks.json'

export const wellKnownEndpoints: Endpoint[] = [
  {
    route: {
      method: 'get',
      path: keySetPath,
      operationId: 'readKeySet',
      summary: 'The public keys that verify access tokens (RFC 7517)',
      description: 'Empty in shared-secret mode.',
      tags: ['Tokens'],
      responses: { 200: success('The key set', keySetSchema) },
    },
    handle: async (c, { publicKeys, settings }) => answerPublicly(c, await publicKeys(), settings),
  },
]
