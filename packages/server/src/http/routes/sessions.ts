import { z } from '@hono/zod-openapi'
import type { DeviceTokenPair, TokenPair } from '../../auth.ts'
import { maxEmailLength } from '../../domain/email.ts'
import { maxPasswordBytes } from '../../domain/password-policy.ts'
import { authenticate } from '../authenticate.ts'
import { readBody, readOptionalBody } from '../body.ts'
import type { HttpContext, HttpDeps } from '../context.ts'
import {
  clearTokenCookies,
  deviceCookie,
  refreshCookie,
  refreshPath,
  setDeviceCookie,
  setTokenCookies,
} from '../cookies.ts'
import { answerJson, type Endpoint, failures, jsonBody, messageSchema, signedIn, success } from '../endpoint.ts'
import { senderOf } from '../origin.ts'
import { assertSameSite } from '../same-site.ts'

const credentialsSchema = z
  .object({
    email: z.string().openapi({ format: 'email', maxLength: maxEmailLength, example: 'ada@example.com' }),
    password: z.string().min(1).openapi({ format: 'password', maxLength: maxPasswordBytes, example: 'SecurePass123' }),
  })
  .openapi('Credentials')

const tokensSchema = z
  .object({
    user_id: z.uuid(),
    email: z.string(),
    token: z.string().openapi({ description: 'The access token: a JWT' }),
    access_token: z.string().openapi({ description: 'The same string under its OAuth name (RFC 6749, section 5.1)' }),
    token_type: z.literal('Bearer'),
    expires_in: z.int().openapi({ description: 'Seconds until the access token expires' }),
    refresh_token: z.string().openapi({ pattern: '^lkr_[A-Za-z0-9_-]{43}$' }),
  })
  .openapi('Tokens')

const refreshSchema = z
  .object({ refresh_token: z.string().optional().openapi({ pattern: '^lkr_[A-Za-z0-9_-]{43}$', maxLength: 47 }) })
  .openapi('Refresh')
const logoutSchema = z.object({ scope: z.enum(['local', 'global', 'others']).default('local') }).openapi('Logout')

/** One answer for every way to get tokens, with the cookies for browsers beside it. */
function answerTokens(c: HttpContext, pair: TokenPair & Partial<DeviceTokenPair>, status: 200 | 201): Response {
  setTokenCookies(c, pair)
  // Who showed the password is known on this device from now on.
  if (pair.deviceToken !== undefined) setDeviceCookie(c, pair.deviceToken)
  const body: z.output<typeof tokensSchema> = {
    user_id: pair.userId,
    email: pair.email,
    token: pair.accessToken,
    access_token: pair.accessToken,
    token_type: 'Bearer',
    expires_in: pair.expiresInSeconds,
    refresh_token: pair.refreshToken,
  }
  return answerJson(c, body, status)
}

/**
 * The refresh token in the body or, where there is none, in the cookie, which another site cannot make us read. Where
 * there is none at all, the empty text is: it is refused, and counted, like any that is no token.
 */
async function readRefreshToken(c: HttpContext, { settings }: HttpDeps): Promise<string> {
  const { refresh_token: sent } = await readOptionalBody(c, refreshSchema)
  if (sent !== undefined) return sent
  const cookie = refreshCookie(c)
  if (cookie === undefined) return ''
  assertSameSite(c, settings)
  return cookie
}

export const sessionEndpoints: Endpoint[] = [
  {
    route: {
      method: 'post',
      path: '/api/auth/signup',
      operationId: 'signUp',
      summary: 'Make an account and sign in',
      tags: ['Sessions'],
      request: jsonBody(credentialsSchema),
      responses: { 201: success('Signed up', tokensSchema), ...failures(400, 409, 413, 415, 429, 503) },
    },
    handle: async (c, { auth }) => {
      auth.assertSignUpOpen(c.get('origin'))
      const { email, password } = await readBody(c, credentialsSchema)
      return answerTokens(c, await auth.signUp({ email, password, ...senderOf(c) }), 201)
    },
  },
  {
    route: {
      method: 'post',
      path: '/api/auth/login',
      operationId: 'logIn',
      summary: 'Sign in',
      tags: ['Sessions'],
      request: jsonBody(credentialsSchema),
      responses: { 200: success('Signed in', tokensSchema), ...failures(400, 401, 413, 415, 429, 503) },
    },
    handle: async (c, { auth }) => {
      auth.assertLoginOpen(c.get('origin'))
      const { email, password } = await readBody(c, credentialsSchema)
      return answerTokens(c, await auth.logIn({ email, password, device: deviceCookie(c), ...senderOf(c) }), 200)
    },
  },
  {
    route: {
      method: 'post',
      path: refreshPath,
      operationId: 'refreshSession',
      summary: 'Trade a refresh token for its successor',
      description:
        'The refresh token comes in the body or in its cookie. Each use rotates it. One that comes back within the ' +
        'grace is answered with its same successor; one that comes back later ends the session.',
      tags: ['Sessions'],
      request: jsonBody(refreshSchema, { required: false }),
      responses: { 200: success('Refreshed', tokensSchema), ...failures(400, 401, 403, 413, 415, 429, 503) },
    },
    handle: async (c, deps) => {
      const refreshToken = await readRefreshToken(c, deps)
      return answerTokens(c, await deps.auth.refreshSession({ refreshToken, origin: c.get('origin') }), 200)
    },
  },
  {
    route: {
      method: 'post',
      path: '/api/auth/logout',
      operationId: 'logOut',
      summary: 'End this session, all of them, or all others',
      tags: ['Sessions'],
      security: signedIn,
      request: jsonBody(logoutSchema, { required: false }),
      responses: { 200: success('Signed out', messageSchema), ...failures(400, 401, 403, 413, 415, 429, 503) },
    },
    handle: async (c, deps) => {
      const caller = await authenticate(c, deps)
      const { scope } = await readOptionalBody(c, logoutSchema)
      await deps.auth.logOut({ caller, scope, origin: c.get('origin') })
      if (scope !== 'others') clearTokenCookies(c)
      return answerJson(c, { message: 'Logged out successfully' })
    },
  },
]
