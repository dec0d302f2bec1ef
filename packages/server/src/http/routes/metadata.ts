import { z } from '@hono/zod-openapi'
import type { HttpSettings } from '../context.ts'
import { answerPublicly, type Endpoint, success } from '../endpoint.ts'
import { revocationStreamPath } from './revocations.ts'
import { statusListsPath } from './status-lists.ts'
import { introspectionPath, revocationPath } from './tokens.ts'
import { keySetPath } from './well-known.ts'

const metadataPath = '/.well-known/oauth-authorization-server'

/** How an API shows its credential: `http/authenticate-api.ts`. */
const apiMethods = ['client_secret_basic', 'Bearer'] as const

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
    status_list_aggregation_endpoint: z.url().openapi({
      description: 'Where the status lists are (draft-ietf-oauth-status-list, section 9.2)',
    }),
    latchkey_revocation_stream: z.url().openapi({ description: 'The stream of revocations, for verifiers' }),
    latchkey_revocation_stream_auth_methods_supported: z
      .array(z.enum(['none', 'client_secret_basic', 'Bearer']))
      .openapi({
        description: '`none`: no credential is needed',
      }),
  })
  .openapi('ServerMetadata')

/**
 * What the server says of itself. Every address is made from `PUBLIC_URL`, never from what a request calls the host.
 *
 * The two empty lists stand against RFC 8414, section 3.2, and for section 2: there the first is required, and the
 * second, left out, would claim the code and implicit grants.
 */
function metadataOf(settings: HttpSettings): z.output<typeof metadataSchema> {
  const { publicUrl, publishesKeys, servesDocs, revocationStream } = settings
  return {
    issuer: publicUrl,
    ...(publishesKeys ? { jwks_uri: publicUrl + keySetPath } : {}),
    introspection_endpoint: publicUrl + introspectionPath,
    introspection_endpoint_auth_methods_supported: [...apiMethods],
    revocation_endpoint: publicUrl + revocationPath,
    revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
    response_types_supported: [],
    grant_types_supported: [],
    ...(servesDocs ? { service_documentation: `${publicUrl}/docs` } : {}),
    status_list_aggregation_endpoint: publicUrl + statusListsPath,
    latchkey_revocation_stream: publicUrl + revocationStreamPath,
    latchkey_revocation_stream_auth_methods_supported: revocationStream === 'public' ? ['none'] : [...apiMethods],
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
