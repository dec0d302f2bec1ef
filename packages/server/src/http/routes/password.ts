import { z } from '@hono/zod-openapi'
import { maxPasswordBytes } from '../../domain/password-policy.ts'
import { authenticate } from '../authenticate.ts'
import { readBody } from '../body.ts'
import { deviceCookie } from '../cookies.ts'
import { answerJson, type Endpoint, failures, jsonBody, messageSchema, signedIn, success } from '../endpoint.ts'
import { senderOf } from '../origin.ts'

const passwordSchema = z.string().min(1).openapi({ format: 'password', maxLength: maxPasswordBytes })

const passwordChangeSchema = z
  .object({ current_password: passwordSchema, new_password: passwordSchema })
  .openapi('PasswordChange')

export const passwordEndpoints: Endpoint[] = [
  {
    route: {
      method: 'post',
      path: '/api/auth/password',
      operationId: 'changePassword',
      summary: 'Change your password, and end all your other sessions',
      description: 'A wrong current password counts against the limits of logins.',
      tags: ['Account'],
      security: signedIn,
      request: jsonBody(passwordChangeSchema),
      responses: { 200: success('Changed', messageSchema), ...failures(400, 401, 403, 413, 415, 429, 503) },
    },
    handle: async (c, deps) => {
      const caller = await authenticate(c, deps)
      const { current_password, new_password } = await readBody(c, passwordChangeSchema)
      const change = { currentPassword: current_password, newPassword: new_password, device: deviceCookie(c) }
      await deps.auth.changePassword({ ...change, caller, ...senderOf(c) })
      return answerJson(c, { message: 'Password changed' })
    },
  },
]
