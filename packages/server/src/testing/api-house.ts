import { ada, originAt, testHouse } from './test-house.ts'

/** What a form sends: fields, or its text as it stands. */
type Form = Record<string, string> | string
type FormOptions = { headers?: Record<string, string>; credential?: string; address?: string }

type Requester = Awaited<ReturnType<typeof testHouse>>['request']

/** Sends a form as an API does, with its credential as a Bearer unless there is none. */
export function formSender(request: Requester) {
  return (path: string, form: Form, { headers = {}, credential, address = '192.0.2.9' }: FormOptions = {}) =>
    request(path, {
      method: 'POST',
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
        ...headers,
      },
      address,
    })
}

/** A house where Ada is signed in and an API named `tasks` has a credential. */
export async function withApi<House extends Awaited<ReturnType<typeof testHouse>>>(house: House) {
  const tokens = await house.auth.signUp(ada)
  const { credential } = await house.auth.addApi({ name: 'tasks', origin: originAt('local') })
  const send = formSender(house.request)

  return {
    ...house,
    tokens,
    credential,
    send,
    introspect: (token: string, options: FormOptions = {}) =>
      send('/api/auth/introspect', { token }, { credential, ...options }),
    revoke: (token: string, options: FormOptions = {}) =>
      send('/api/auth/revoke', { token }, { credential, ...options }),
  }
}

/** The same in memory. */
export async function apiHouse(settings: Record<string, string> = {}) {
  return withApi(await testHouse(settings))
}

/** An Authorization header as RFC 7617 has it. */
export function basic(name: string, credential: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${credential}`).toString('base64')}` }
}
