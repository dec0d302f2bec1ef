import { TokenError } from '@latchkey/verify'
import type { ApiCaller } from '../domain/api-credential.ts'
import { Refusal } from '../domain/refusal.ts'
import type { HttpContext, HttpDeps } from './context.ts'

type Shown = { name: string | undefined; credential: string | undefined }

/** One scheme, one space, and characters of which both a token and base64 are made (RFC 9110, section 11.4). */
const schemeAndValue = /^(basic|bearer) ([A-Za-z0-9\-._~+/]+=*)$/i
const nothing: Shown = { name: undefined, credential: undefined }

/**
 * Which API is calling, by the credential in the Authorization header: as the password of its name (Basic) or alone
 * (Bearer). No cookie is read, so no browser can be made to call by its user's. What was wrong is not told, but who came
 * by Bearer is challenged as RFC 6750, section 3, has it: by an error.
 *
 * @throws {Refusal} AUTH_API_INVALID, RATE_LIMIT_EXCEEDED
 */
export async function authenticateApi(c: HttpContext, { auth }: HttpDeps): Promise<ApiCaller> {
  const header = c.req.header('authorization')
  try {
    return await auth.authenticateApi({ ...readCredential(header), origin: c.get('origin') })
  } catch (error) {
    const isBearer = /^bearer /i.test(header ?? '')
    if (!isBearer || !(error instanceof Refusal && error.code === 'AUTH_API_INVALID')) throw error
    throw new Refusal('AUTH_API_INVALID', { cause: new TokenError('AUTH_INVALID') })
  }
}

function readCredential(header = ''): Shown {
  const [, scheme = '', value = ''] = schemeAndValue.exec(header) ?? []
  if (scheme.toLowerCase() === 'bearer') return { name: undefined, credential: value }
  return readBasic(value)
}

/** Name and password are each escaped as in a form before they are joined (RFC 6749, section 2.3.1). */
function readBasic(value: string): Shown {
  try {
    const joined = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'base64'))
    const [name = '', ...rest] = joined.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
    return { name, credential: rest.join(':') }
  } catch {
    return nothing
  }
}
