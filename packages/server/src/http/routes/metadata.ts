import { z } from '@hono/zod-openapi'
import type { HttpSettings } from '../context.ts'
import { answerPublicly, type Endpoint, success } from '../endpoint.ts'
import { revocationStreamPath } from './revocations.ts'
import { introspectionPath, revocationPath } from './tokens.ts'
import { keySetPath } from './well-known.ts'

const metadataPath = '/.well-known/oauth-authorization-server'

const noValues = z.array(z.string()).max(0)

const metadataSchema = z
  .object({
    issuer: z.url(),
    jwks_uri: z.url().optional().openapi({ description: 'Left out in shared-secret mode' }),
    introspection_endpoint: z.url(),
    introspection_endpoint_auth_methods_supported: z.array(z.enum(['client_secret_basic', 'Bearer'])),
    revocation_endpoint: z.url(),
    revocation_endpoint_auth_methods_supported: z.array(z.literal('client_secret_basic')),
    response_types_supported: noValues.openapi({ description: 'None: there is no authorization endpoint' }),
    grant_types_supported: noValues.openapi({ description: 'None: there is no token endpoint' }),
    service_documentation: z.url().optional().openapi({ description: 'Left out where `/docs` is off' }),
    latchkey_revocation_stream: z.url().openapi({ description: 'The stream of revocations, for verifiers' }),
  })
  .openapi('ServerMetadata')

/**
 * What the server says of itself. Every address is made from `PUBLIC_URL`, never from what a request calls the host.
 *
 * The two empty lists stand against RFC 8414, section 3.2, and for section 2: there the first is required, and the
 * second, left out, would claim the code and implicit grants.
 */
function metadataOf({ publicUrl, publishesKeys, servesDocs }: HttpSettings): z.output<typeof metadataSchema> {
  return {
    issuer: publicUrl,
    ...(publishesKeys ? { jwks_uri: publicUrl + keySetPath } : {}),
    introspection_endpoint: publicUrl + introspectionPath,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'Bearer'],
    revocation_endpoint: publicUrl + revocationPath,
    revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
    response_types_supported: [],
    grant_types_supported: [],
    ...(servesDocs ? { service_documentation: `${publicUrl}/docs` } : {}),
    latchkey_revocation_stream: publicUrl + revocationStreamPath,
  }
}

export const metadataEndpoint: Endpoint = {
  route: {
    method: 'get',
    path: metadataPath,
    operationId: 'readServerMetadata',
    summary: 'Where everything is (RFC 8414)',
    description:
      'Where `PUBLIC_URL` has a path, also at this path followed by that one. Members that do not apply are left out.',
    tags: ['Tokens'],
    responses: { 200: success('The metadata', metadataSchema) },
  },
  handle: (c, { settings }) => answerPublicly(c, metadataOf(settings), settings),
}

/** The same at the place that RFC 8414, section 3.1, has for an issuer with a path. */
export function metadataOfPath({ publicUrl }: HttpSettings): Endpoint[] {
  const { pathname } = new URL(publicUrl)
  if (pathname === '/') return []
  const { route, handle } = metadataEndpoint
  return [{ route: { ...route, path: metadataPath + pathname, hide: true }, handle }]
}
