import { z } from '@hono/zod-openapi'
import type { TokenStanding } from '../../auth.ts'
import { authenticateApi } from '../authenticate-api.ts'
import { answerDone, answerJson, asApi, done, type Endpoint, failures, formBody, success } from '../endpoint.ts'
import { readForm } from '../form.ts'

const tokenSchema = z
  .object({
    token: z.string('Must be sent').openapi({ description: 'An access token or a refresh token' }),
    token_type_hint: z.string().optional().openapi({
      description: 'Without effect: the token itself says what it is',
      example: 'access_token',
    }),
  })
  .openapi('TokenQuestion')

const inactiveSchema = z.object({ active: z.literal(false) }).openapi('InactiveToken')

const activeSchema = z
  .object({
    active: z.literal(true),
    sub: z.uuid(),
    user_id: z.uuid(),
    sid: z.uuid(),
    username: z.string().openapi({ description: 'The email of the account as it is now' }),
    iss: z.string(),
    aud: z.string().optional(),
    client_id: z.string().optional().openapi({ description: 'Of an access token that has an audience' }),
    jti: z.uuid().optional().openapi({ description: 'Of an access token' }),
    iat: z.int(),
    exp: z.int(),
    token_type: z.enum(['Bearer', 'refresh_token']).openapi({
      description: 'An API must let in `Bearer` alone: a refresh token is for this server',
    }),
  })
  .openapi('ActiveToken')

/** Members that are not known (`scope`) are left out, as RFC 7662, section 2.2, has it. */
function toAnswer(
  standing: TokenStanding | undefined,
): z.output<typeof activeSchema> | z.output<typeof inactiveSchema> {
  if (!standing) return { active: false }
  const { audience, clientId, tokenId } = standing
  return {
    active: true,
    sub: standing.userId,
    user_id: standing.userId,
    sid: standing.sessionId,
    username: standing.email,
    iss: standing.issuer,
    ...(audience === undefined ? {} : { aud: audience }),
    ...(clientId === undefined ? {} : { client_id: clientId }),
    ...(tokenId === undefined ? {} : { jti: tokenId }),
    iat: standing.issuedAt,
    exp: standing.expiresAt,
    token_type: standing.kind === 'access' ? 'Bearer' : 'refresh_token',
  }
}

export const introspectionPath = '/api/auth/introspect'
export const revocationPath = '/api/auth/revoke'

export const tokenEndpoints: Endpoint[] = [
  {
    route: {
      method: 'post',
      path: introspectionPath,
      operationId: 'introspectToken',
      summary: 'Ask what a token is worth now (RFC 7662)',
      description:
        'For APIs with a credential. A token that is not good, for whatever reason, is `{"active": false}`. Keep no ' +
        'answer: a token may be revoked in the next instant.',
      tags: ['Tokens'],
      security: asApi,
      request: formBody(tokenSchema),
      responses: {
        200: success('What is known of it', z.union([activeSchema, inactiveSchema])),
        ...failures(400, 401, 413, 415, 429, 503),
      },
    },
    handle: async (c, deps) => {
      await authenticateApi(c, deps)
      const { token } = await readForm(c, tokenSchema)
      return answerJson(c, toAnswer(await deps.auth.introspectToken(token)))
    },
  },
  {
    route: {
      method: 'post',
      path: revocationPath,
      operationId: 'revokeToken',
      summary: 'End the session of a token (RFC 7009)',
      description:
        'For APIs with a credential. The session of the access token or refresh token ends, and all its tokens with ' +
        'it. A token that is unknown, expired or revoked already gets the same empty answer.',
      tags: ['Tokens'],
      security: asApi,
      request: formBody(tokenSchema),
      responses: {
        200: done('It is over, if it was not before'),
        ...failures(400, 401, 413, 415, 429, 503),
      },
    },
    handle: async (c, deps) => {
      const api = await authenticateApi(c, deps)
      const { token } = await readForm(c, tokenSchema)
      await deps.auth.revokeToken({ api, token, origin: c.get('origin') })
      return answerDone(c)
    },
  },
]
